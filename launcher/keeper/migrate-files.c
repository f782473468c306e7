/* SPDX-License-Identifier: Apache-2.0 */
/* A migrating guest's files, at both hosts through libvirt's storage driver, since this command may
 * run at neither: disks that are shared or copied, and what the guest booted from. That is read
 * again when the guest starts over, so it must be at the target under the same paths: copies of
 * ours (launcher/keeper/stage.h) go with the guest, any other file must be the same there already.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "launcher/keeper/daemon-copies.h"
#include "launcher/keeper/daemon-ids.h"
#include "launcher/keeper/migrate-int.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt-pool.h"
#include "launcher/virt/virt.h"

#define MIB (1ull << 20)

static int note_made(struct sv_migrate_run *r, const char *path, struct sv_err *err)
{
        if (r->n_made == sizeof(r->made) / sizeof(r->made[0]))
                return sv_fail(err, SV_SYSTEM, "migrate.domain", "the guest has too many files");
        r->made[r->n_made++] = (struct sv_migrate_made){sv_path_folder(path),
                                                        sv_asprintf("%s", sv_path_name(path))};
        return 0;
}

void sv_migrate_remove_made(struct sv_migrate_run *r)
{
        for (size_t i = 0; i < r->n_made; i++) {
                SV_POOL *p = NULL;

                if (sv_pool_open(r->to, r->made[i].folder, false, &p, NULL) == 0 &&
                    sv_pool_has(p, r->made[i].name, NULL))
                        sv_pool_remove(p, r->made[i].name, NULL);
        }
}

/* --- disks --- */

int sv_migrate_try_shared(struct sv_migrate_run *r, const char *folder, bool *shared,
                          struct sv_err *err)
{
        SV_POOL *here = NULL, *there = NULL;
        uint8_t random[8];
        char hex[17];
        SV_STR mark = NULL;
        int result;

        *shared = false;
        if (sv_random(random, sizeof(random), err) < 0 ||
            sv_pool_open(r->from, folder, false, &here, err) < 0)
                return -1;
        if (sv_pool_open(r->to, folder, false, &there, err) < 0)
                return err && !strcmp(err->check, "migrate.storage-driver") ? -1 : 0;
        mark = sv_asprintf("secure-vm-mark-%s", sv_hex(sv_bytes(random, sizeof(random)), hex));
        if (sv_pool_make(here, mark, 0, 0600, err) < 0)
                return -1;
        result = sv_pool_refresh(there, err);
        *shared = result == 0 && sv_pool_has(there, mark, NULL);
        return sv_pool_remove(here, mark, err) < 0 ? -1 : result;
}

static int check_shared_disk(struct sv_migrate_run *r, const struct sv_domain_disk *d,
                             struct sv_err *err)
{
        SV_STR folder = sv_path_folder(d->path);
        bool shared;

        if (sv_migrate_try_shared(r, folder, &shared, err) < 0)
                return -1;
        if (!shared)
                return sv_fail(err, SV_USAGE, "migrate.storage",
                               "%s is not shared: a mark that was put beside it here is not seen "
                               "at %s; --copy-storage takes the disk along",
                               d->path, r->hostname);
        if (!d->readonly && !sv_cache_is_direct(d->cache))
                return sv_fail(err, SV_SYSTEM, "migrate.cache",
                               "%s is cached by this host (\"%s\"), and the other would not see "
                               "what was written last: have the disk on a file system that can do "
                               "direct I/O, and launch the guest again",
                               d->path, d->cache ? d->cache : "writeback");
        r->shared = true;
        return 0;
}

static int check_copied_disk(struct sv_migrate_run *r, const struct sv_domain_disk *d,
                             struct sv_err *err)
{
        SV_STR folder = sv_path_folder(d->path);
        SV_POOL *here = NULL, *there = NULL;
        uint64_t bytes = 0, found = 0, room = 0;
        bool has;

        if (!d->readonly && d->format && strcmp(d->format, "raw"))
                return sv_fail(err, SV_USAGE, "migrate.storage",
                               "%s is a %s image, and --copy-storage copies raw ones only", d->path,
                               d->format);
        if (sv_pool_open(r->from, folder, false, &here, err) < 0)
                return -1;
        if (sv_pool_open(r->to, folder, false, &there, err) < 0)
                return sv_wrap(err, "the folder for the copy at %s", r->hostname);
        sv_pool_has(here, sv_path_name(d->path), &bytes);
        has = sv_pool_has(there, sv_path_name(d->path), &found);
        if (d->readonly && has && found == bytes)
                return 0;
        if (d->readonly)
                return sv_fail(err, SV_SYSTEM, "migrate.storage",
                               "%s, a disk that the guest only reads, was expected at %s with %llu "
                               "bytes: copy it there first",
                               d->path, r->hostname, (unsigned long long)bytes);
        if (has)
                return sv_fail(err, SV_SYSTEM, "migrate.disk",
                               "%s is at %s already, and a copy would overwrite it: when it is the "
                               "same storage leave --copy-storage out, else move that file away",
                               d->path, r->hostname);
        if (sv_pool_get_room(there, &room, err) < 0)
                return -1;
        if (room >= bytes)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.room",
                       "%s takes %llu MiB, and %s has %llu MiB left there", d->path,
                       (unsigned long long)(bytes / MIB), r->hostname,
                       (unsigned long long)(room / MIB));
}

int sv_migrate_check_disks(struct sv_migrate_run *r, struct sv_err *err)
{
        for (size_t i = 0; i < r->domain.n_disks; i++) {
                const struct sv_domain_disk *d = &r->domain.disks[i];
                /* our own domains say "file" of everything that has a path */
                bool device = (d->kind && !strcmp(d->kind, "block")) ||
                              (d->path && !strncmp(d->path, "/dev/", 5));

                if (r->m->copy_storage && device)
                        return sv_fail(err, SV_USAGE, "migrate.storage",
                                       "%s is a device, and --copy-storage copies files only",
                                       d->path ? d->path : "a disk");
                if (!d->kind || strcmp(d->kind, "file") || !d->path)
                        continue; /* libvirt knows network storage as shared */
                if ((r->m->copy_storage ? check_copied_disk : check_shared_disk)(r, d, err) < 0)
                        return -1;
        }
        return 0;
}

static int make_empty_disk(struct sv_migrate_run *r, const struct sv_domain_disk *d,
                           struct sv_err *err)
{
        SV_STR folder = sv_path_folder(d->path);
        SV_POOL *here = NULL, *there = NULL;
        uint64_t bytes = 0;

        if (sv_pool_open(r->from, folder, false, &here, err) < 0 ||
            sv_pool_open(r->to, folder, false, &there, err) < 0)
                return -1;
        if (!sv_pool_has(here, sv_path_name(d->path), &bytes))
                return sv_fail(err, SV_SYSTEM, "migrate.storage", "%s is not there any more",
                               d->path);
        if (sv_pool_make(there, sv_path_name(d->path), bytes, 0600, err) < 0)
                return -1;
        return note_made(r, d->path, err);
}

/* --- what boots --- */

static bool is_copy(const struct sv_migrate_run *r, const char *path)
{
        return sv_copies_have(r->m->name, path);
}

int sv_migrate_compare_files(struct sv_pool *here, struct sv_pool *there, const char *name,
                             bool *same, struct sv_err *err)
{
        uint8_t a[32], b[32];

        if (sv_pool_digest(here, name, a, err) < 0 || sv_pool_digest(there, name, b, err) < 0)
                return -1;
        *same = !memcmp(a, b, sizeof(a));
        return 0;
}

static int find_same_file(struct sv_pool *here, struct sv_pool *there, const char *name, bool *same,
                          struct sv_err *err)
{
        *same = false;
        return sv_pool_has(there, name, NULL)
                       ? sv_migrate_compare_files(here, there, name, same, err)
                       : 0;
}

static int copy_file(struct sv_migrate_run *r, const struct sv_domain_file *f, struct sv_pool *here,
                     struct sv_pool *there, struct sv_err *err)
{
        const char *name = sv_path_name(f->path);
        uint64_t bytes = 0;
        bool same;

        if (!sv_pool_has(here, name, &bytes))
                return sv_fail(err, SV_SYSTEM, "migrate.boot",
                               "%s, from which the guest booted, is not there any more, and it "
                               "could not start over at %s: launch it anew first",
                               f->path, r->hostname);
        if (sv_pool_has(there, name, NULL) && sv_pool_remove(there, name, err) < 0)
                return -1;
        if (sv_pool_make(there, name, bytes, f->secret ? 0600 : 0644, err) < 0 ||
            note_made(r, f->path, err) < 0 || sv_pool_copy(here, there, name, err) < 0 ||
            find_same_file(here, there, name, &same, err) < 0)
                return -1;
        return same ? 0
                    : sv_fail(err, SV_SYSTEM, "migrate.boot",
                              "%s was copied to %s and is another file there", f->path,
                              r->hostname);
}

static int need_same_file(struct sv_migrate_run *r, const struct sv_domain_file *f,
                          struct sv_pool *here, struct sv_pool *there, struct sv_err *err)
{
        bool same;

        if (find_same_file(here, there, sv_path_name(f->path), &same, err) < 0)
                return -1;
        if (same)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.firmware",
                       "%s, from which the guest booted, was expected at %s with the same "
                       "contents, and it %s: install the same version of it there",
                       f->path, r->hostname,
                       sv_pool_has(there, sv_path_name(f->path), NULL) ? "has another"
                                                                       : "is not there");
}

/* One that is no copy of ours is made by nobody here: it must be there. */
static int make_boot_file(struct sv_migrate_run *r, const struct sv_domain_file *f,
                          struct sv_err *err)
{
        SV_STR folder = sv_path_folder(f->path);
        SV_POOL *here = NULL, *there = NULL;

        if (sv_pool_open(r->from, folder, false, &here, err) < 0)
                return -1;
        if (sv_pool_open(r->to, folder, is_copy(r, f->path), &there, err) < 0)
                return sv_wrap(err, "the folder at %s", r->hostname);
        return is_copy(r, f->path) ? copy_file(r, f, here, there, err)
                                   : need_same_file(r, f, here, there, err);
}

/* A variable store of an earlier run would be taken in place of what arrives. */
static int make_room_for_nvram(struct sv_migrate_run *r, struct sv_err *err)
{
        SV_STR folder = r->domain.nvram ? sv_path_folder(r->domain.nvram) : NULL;
        SV_POOL *there = NULL;

        if (!folder || !is_copy(r, r->domain.nvram))
                return 0;
        if (sv_pool_open(r->to, folder, true, &there, err) < 0)
                return -1;
        if (sv_pool_has(there, sv_path_name(r->domain.nvram), NULL) &&
            sv_pool_remove(there, sv_path_name(r->domain.nvram), err) < 0)
                return -1;
        return note_made(r, r->domain.nvram, err);
}

int sv_migrate_find_shared_copies(struct sv_migrate_run *r, struct sv_err *err)
{
        for (size_t i = 0; i < r->domain.n_files; i++)
                if (is_copy(r, r->domain.files[i].path)) {
                        SV_STR folder = sv_path_folder(r->domain.files[i].path);

                        return sv_migrate_try_shared(r, folder, &r->copies_are_shared, err);
                }
        return 0;
}

int sv_migrate_check_boot_files(struct sv_migrate_run *r, struct sv_err *err)
{
        for (size_t i = 0; i < r->domain.n_files; i++)
                if (!is_copy(r, r->domain.files[i].path) &&
                    make_boot_file(r, &r->domain.files[i], err) < 0)
                        return -1;
        return 0;
}

int sv_migrate_make_boot_files(struct sv_migrate_run *r, struct sv_err *err)
{
        if (sv_migrate_find_shared_copies(r, err) < 0)
                return -1;
        if (r->copies_are_shared)
                return 0;
        for (size_t i = 0; i < r->domain.n_files; i++)
                if (make_boot_file(r, &r->domain.files[i], err) < 0)
                        return -1;
        return make_room_for_nvram(r, err);
}

int sv_migrate_make_files(struct sv_migrate_run *r, struct sv_err *err)
{
        for (size_t i = 0; r->m->copy_storage && i < r->domain.n_disks; i++) {
                const struct sv_domain_disk *d = &r->domain.disks[i];

                if (d->path && d->kind && !strcmp(d->kind, "file") && !d->readonly &&
                    make_empty_disk(r, d, err) < 0)
                        return -1;
        }
        return sv_migrate_make_boot_files(r, err);
}

/* Where the source is this host: the guest's own user, too. */
static void drop_ids(const struct sv_migrate_run *r)
{
        SV_STATE s = {.lock = -1};

        if (sv_virt_is_local_system(r->m->from) && sv_state_init_daemon(&s, r->m->name, NULL) == 0)
                sv_daemon_ids_drop(&s);
}

int sv_migrate_remove_copies(struct sv_migrate_run *r, struct sv_err *err)
{
        drop_ids(r);
        return r->copies_are_shared ? 0
                                    : sv_copies_remove_there(r->from, r->m->name, &r->domain, err);
}
