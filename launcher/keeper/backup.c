/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "base/crypto/crypto.h"
#include "launcher/host/host.h"
#include "launcher/keeper/check-disk.h"
#include "launcher/keeper/snapshot.h"

int sv_disk_backup_prepare(const char *dir, struct sv_err *err)
{
        if (rmdir(dir) < 0 && errno != ENOENT)
                return sv_fail(err, SV_USAGE, "backup.exists",
                               "%s is there already, and is no empty folder: give another name",
                               dir);
        return sv_mkdirs(dir, 0700, err);
}

static int sync_file(const char *path, struct sv_err *err)
{
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? sv_fail_errno(err, "backup.copy", "%s", path) : 0;
}

static int add_disk(struct sv_chains *c, size_t disk, const char *snapshot, const char *dir,
                    struct sv_json *rows, struct sv_err *err)
{
        const char *id = c->guest->disks[disk].id;
        SV_STR file = sv_asprintf("%s.qcow2", id);
        SV_STR path = sv_asprintf("%s/%s", dir, file);
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_json *row;
        uint64_t bytes;
        size_t layer;

        if (sv_tree_find(&c->disks[disk].chain.now, snapshot, false, &layer, err) < 0 ||
            sv_chain_check(c, disk, layer, err) < 0)
                return -1;
        if (sv_layer_copy(c, disk, layer, path, err) < 0 || sync_file(path, err) < 0)
                return -1;
        if (sv_digest_file(SV_SHA256, path, digest, &bytes, err) < 0)
                return -1;
        row = sv_json_add(rows, sv_json_object());
        sv_json_set_str(row, "id", id);
        sv_json_set_str(row, "file", file);
        sv_json_set_int(row, "bytes", (int64_t)bytes);
        sv_json_set_hex(row, "sha256", sv_bytes(digest, 32));
        return 0;
}

int sv_disk_backup_write(const struct sv_guest *g, const char *snapshot, const char *dir,
                         struct sv_json **manifest, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/backup.json", dir);
        SV_JSON *j = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        SV_CHAINS chains = {0};
        struct sv_json *rows;
        char made[32];

        if (sv_chains_read(g, &chains, err) < 0)
                return -1;
        sv_json_set_int(j, "version", 1);
        sv_json_set_str(j, "guest", g->name);
        sv_json_set_str(j, "made", sv_format_time(time(NULL), made));
        rows = sv_json_set(j, "disks", sv_json_array());
        for (size_t i = 0; i < g->n_disks; i++)
                if (chains.disks[i].path && add_disk(&chains, i, snapshot, dir, rows, err) < 0)
                        return -1;
        sv_json_pretty(j, &text);
        sv_buf_puts(&text, "\n");
        if (sv_json_ok(err) < 0 || sv_file_write(path, 0600, sv_buf_bytes(&text), err) < 0)
                return -1;
        if (sv_folder_sync(path) < 0)
                return sv_fail_errno(err, "backup.copy", "%s", path);
        *manifest = sv_json_ref(j);
        return 0;
}

/* --- verify --- */

static int verify_disk(const char *dir, const struct sv_json *row, struct sv_err *err)
{
        static const char *const members[] = {"id", "file", "bytes", "sha256", NULL};
        const char *id, *file, *sha256;
        uint8_t digest[SV_DIGEST_MAX];
        uint64_t bytes;
        int64_t size;
        char hex[65];
        SV_STR path = NULL;

        if (sv_json_only(row, members, "backup.manifest", err) < 0 ||
            sv_json_need_str(row, "id", &id, "backup.manifest", err) < 0 ||
            sv_json_need_str(row, "file", &file, "backup.manifest", err) < 0 ||
            sv_json_need_str(row, "sha256", &sha256, "backup.manifest", err) < 0 ||
            sv_json_need_int(row, "bytes", 1, INT64_MAX, &size, "backup.manifest", err) < 0)
                return -1;
        if (!sv_name_ok(file))
                return sv_fail(err, SV_FORMAT, "backup.manifest", "\"%.64s\" is no file of it",
                               file);
        path = sv_asprintf("%s/%s", dir, file);
        if (access(path, F_OK) < 0)
                return sv_fail_errno(err, "backup.incomplete", "%s", path);
        if (sv_digest_file(SV_SHA256, path, digest, &bytes, err) < 0)
                return -1;
        if ((uint64_t)size == bytes && !strcmp(sv_hex(sv_bytes(digest, 32), hex), sha256))
                return 0;
        return sv_fail(err, SV_PROOF, "backup.digest",
                       "%s is not as it was made: expected sha256 %.64s, found %s; take another "
                       "backup",
                       path, sha256, sv_hex(sv_bytes(digest, 32), hex));
}

int sv_disk_backup_verify(const char *dir, struct sv_json **manifest, struct sv_err *err)
{
        static const char *const members[] = {"version", "guest", "made", "disks", NULL};
        SV_STR path = sv_asprintf("%s/backup.json", dir);
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;
        struct sv_json *rows;
        int64_t version;

        if (access(path, F_OK) < 0)
                return sv_fail_errno(err, "backup.incomplete",
                                     "%s: a backup that was finished has this file", path);
        if (sv_file_read(path, SV_CHAIN_SIZE_MAX, &text, "backup.manifest", err) < 0 ||
            sv_json_parse(sv_buf_bytes(&text), "backup.manifest", &j, err) < 0)
                return -1;
        if (sv_json_only(j, members, "backup.manifest", err) < 0 ||
            sv_json_need_int(j, "version", 1, 1, &version, "backup.manifest", err) < 0 ||
            sv_json_need_array(j, "disks", &rows, "backup.manifest", err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(rows); i++)
                if (verify_disk(dir, sv_json_at(rows, i), err) < 0)
                        return -1;
        *manifest = sv_json_ref(j);
        return 0;
}

/* --- restore --- */

static int check_restored(struct sv_chains *c, const char *id, bool replace, size_t *at,
                          struct sv_err *err)
{
        const struct sv_guest *g = c->guest;
        size_t i = 0;

        while (i < g->n_disks && (strcmp(g->disks[i].id, id) || g->disks[i].readonly))
                i++;
        if (i == g->n_disks)
                return sv_fail(err, SV_USAGE, "backup.disk",
                               "the backup has disk \"%.32s\", and guest %s has none of that id "
                               "that it writes to",
                               id, g->name);
        *at = i;
        if (access(g->disks[i].path, F_OK) < 0)
                return 0;
        if (!replace)
                return sv_fail(err, SV_USAGE, "backup.there",
                               "%s is there: --replace puts the backup in its place, and what is "
                               "on it is lost",
                               g->disks[i].path);
        if (!c->disks[i].path || !sv_chain_is_plain(&c->disks[i].chain))
                return sv_fail(err, SV_USAGE, "backup.disk",
                               "%s has snapshots, or is no file: \"secure-vm snapshot flatten\" "
                               "first",
                               g->disks[i].path);
        return sv_disk_check_free(g, c->disks[i].path, err);
}

static int restore_disk(const char *to, const char *dir, const char *file, struct sv_err *err)
{
        SV_STR from = sv_asprintf("%s/%s", dir, file);
        SV_STR part = sv_asprintf("%s.restoring", to);
        const char *argv[] = {"qemu-img", "convert", "-q", "-f", "qcow2",
                              "-O",       "raw",     from, part, NULL};
        mode_t mask = umask(0177);
        int r = sv_host_run(argv, NULL, "backup.copy", err);

        umask(mask);
        if (r == 0)
                r = sync_file(part, err);
        if (r == 0 && (rename(part, to) < 0 || sv_folder_sync(to) < 0))
                r = sv_fail_errno(err, "backup.copy", "%s", to);
        if (r < 0)
                unlink(part);
        return r;
}

int sv_disk_backup_restore(const struct sv_guest *g, const char *dir,
                           const struct sv_json *manifest, bool replace, struct sv_err *err)
{
        const struct sv_json *rows = sv_json_get(manifest, "disks");
        SV_CHAINS chains = {0};
        size_t at;

        /* the names are the owner's, and a link there would lead root elsewhere */
        if (geteuid() == 0 && g->owner != 0)
                return sv_fail(err, SV_USAGE, "backup.disk",
                               "%s is of user %u, who makes disks there: restore it as that user",
                               g->file, g->owner);
        if (sv_chains_read(g, &chains, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(rows); i++)
                if (check_restored(&chains, sv_json_text(sv_json_at(rows, i), "id", ""), replace,
                                   &at, err) < 0)
                        return -1;
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);

                if (check_restored(&chains, sv_json_text(row, "id", ""), replace, &at, err) < 0)
                        return -1;
                if (restore_disk(chains.disks[at].path ? chains.disks[at].path : g->disks[at].path,
                                 dir, sv_json_text(row, "file", ""), err) < 0)
                        return -1;
        }
        return 0;
}
