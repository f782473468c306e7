/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/daemon-copies.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/crypto.h"
#include "base/program/log.h"
#include "launcher/keeper/daemon-ids.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt-pool.h"

/* --- whose they are --- */

/* "…/.elsewhere/NAME/boot/kernel" (launcher/keeper/state.h) */
bool sv_copies_have(const char *name, const char *path)
{
        SV_STR part = sv_asprintf("/.elsewhere/%s/boot/", name);
        const char *at = strstr(path, part);

        return at && !strchr(at + strlen(part), '/') && !strstr(path, "/../");
}

/* NULL: there is none. One that cannot be read is nobody's. */
static char *read_mark(const struct sv_state *s)
{
        SV_STR path = sv_state_path(s, "daemon");
        SV_BUF text = SV_BUF_NULL;

        if (access(path, F_OK) < 0)
                return NULL;
        if (sv_file_read(path, SV_DAEMON_MARK_MAX, &text, "launch.copies", NULL) < 0)
                return sv_asprintf("?");
        return sv_asprintf("%s", sv_buf_str(&text));
}

bool sv_copies_are_here(const struct sv_copies *c)
{
        SV_STR mark = read_mark(c->s);
        SV_STR id = mark ? sv_virt_get_daemon_id(c->v) : NULL;

        return mark ? id && !strcmp(mark, id) : sv_uri_is_here(c->uri);
}

static bool has_copies(const struct sv_state *s)
{
        SV_STR boot = sv_state_path(s, "boot");
        DIR *d = opendir(boot);
        bool has = false;

        for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
                has |= strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
        if (d)
                closedir(d);
        return has;
}

int sv_copies_renew(const struct sv_copies *c, struct sv_err *err)
{
        SV_STR path = sv_state_path(c->s, "daemon");
        SV_STR id = sv_virt_get_daemon_id(c->v);

        if (has_copies(c->s) && !sv_copies_are_here(c))
                return sv_fail(err, SV_SYSTEM, "launch.copies",
                               "%s/boot has what a guest %s of another libvirt daemon boots from, "
                               "and a launch would replace it: give this guest another name, or "
                               "remove that folder when that guest is gone",
                               c->s->dir, c->s->name);
        if (sv_copies_remove_here(c->s, err) < 0)
                return -1;
        return sv_file_write(path, 0644, sv_bytes_str(id), err);
}

/* --- whether they are there --- */

static int fail_without_copy(const struct sv_copies *c, const char *path, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "reboot.copies",
                       "%s, from which guest %s boots, is not there any more, so the guest would "
                       "not start again; \"secure-vm launch --connect\" makes it anew",
                       path, c->s->name);
}

/* What was measured of it, or NULL. */
static const char *find_digest(const struct sv_copies *c, const struct sv_json *facts,
                               const char *path)
{
        const struct sv_json *boot = sv_json_get(facts, "boot");

        return sv_copies_have(c->s->name, path)
                       ? sv_json_str(sv_json_get(sv_json_get(boot, sv_path_name(path)), "sha256"))
                       : NULL;
}

static int compare_digest(const struct sv_copies *c, const char *path, const uint8_t found[32],
                          const char *expected, struct sv_err *err)
{
        char hex[65];

        if (!strcmp(sv_hex(sv_bytes(found, 32), hex), expected))
                return 0;
        return sv_fail(err, SV_SYSTEM, "reboot.copies",
                       "%s is not what was measured when guest %s was launched; \"secure-vm launch "
                       "--connect\" makes it anew",
                       path, c->s->name);
}

static int check_here(const struct sv_copies *c, const char *path, const char *expected,
                      struct sv_err *err)
{
        uint8_t digest[SV_DIGEST_MAX];
        uint64_t size;

        if (access(path, F_OK) < 0)
                return fail_without_copy(c, path, err);
        if (!expected)
                return 0;
        if (sv_digest_file(SV_SHA256, path, digest, &size, err) < 0)
                return -1;
        return compare_digest(c, path, digest, expected, err);
}

static int check_there(const struct sv_copies *c, const char *path, const char *expected,
                       struct sv_err *err)
{
        SV_STR folder = sv_path_folder(path);
        SV_POOL *p = NULL;
        uint8_t digest[32];
        struct sv_err why = SV_ERR_NULL;

        if (sv_pool_open(c->v, folder, false, &p, &why) < 0) {
                /* the daemon's host cannot be looked at; a start says what is wrong */
                if (!strcmp(why.check, "migrate.storage-driver"))
                        return 0;
                return fail_without_copy(c, path, err);
        }
        if (!sv_pool_has(p, sv_path_name(path), NULL))
                return fail_without_copy(c, path, err);
        if (!expected)
                return 0;
        if (sv_pool_digest(p, sv_path_name(path), digest, err) < 0)
                return -1;
        return compare_digest(c, path, digest, expected, err);
}

/* Who is not root may ask root's daemon, and not read its copies. */
static bool may_look(const char *path)
{
        return access(path, R_OK) == 0 || errno == ENOENT;
}

static int read_domain_files(struct sv_virt *v, struct sv_domain_facts *out, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;

        if (sv_virt_get_xml(v, &xml, err) < 0)
                return -1;
        sv_domain_read_files(sv_buf_str(&xml), out);
        return 0;
}

int sv_copies_check(const struct sv_copies *c, const struct sv_json *facts, struct sv_err *err)
{
        struct sv_domain_facts d = {0};
        bool here = sv_copies_are_here(c);
        int r = read_domain_files(c->v, &d, err);

        for (size_t i = 0; r == 0 && i < d.n_files; i++) {
                const char *path = d.files[i].path;

                r = (here && may_look(path) ? check_here : check_there)(
                        c, path, find_digest(c, facts, path), err);
        }
        sv_domain_facts_free(&d);
        return r;
}

/* --- their end --- */

int sv_copies_remove_here(const struct sv_state *s, struct sv_err *err)
{
        SV_STR boot = sv_state_path(s, "boot");
        SV_STR mark = sv_state_path(s, "daemon");

        sv_daemon_ids_drop(s);
        if (sv_remove_tree(boot, err) < 0)
                return -1;
        unlink(mark);
        return 0;
}

int sv_copies_remove_there(struct sv_virt *v, const char *name, const struct sv_domain_facts *d,
                           struct sv_err *err)
{
        const char *paths[6] = {d->nvram};
        size_t n = 1;

        for (size_t i = 0; i < d->n_files; i++)
                paths[n++] = d->files[i].path;
        for (size_t i = 0; i < n; i++) {
                SV_STR folder = paths[i] && sv_copies_have(name, paths[i])
                                        ? sv_path_folder(paths[i])
                                        : NULL;
                SV_POOL *p = NULL;

                if (!folder)
                        continue;
                if (sv_pool_open(v, folder, false, &p, err) < 0)
                        return -1;
                if (sv_pool_has(p, sv_path_name(paths[i]), NULL) &&
                    sv_pool_remove(p, sv_path_name(paths[i]), err) < 0)
                        return -1;
        }
        return 0;
}
