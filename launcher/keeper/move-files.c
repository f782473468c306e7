/* SPDX-License-Identifier: Apache-2.0 */
/* A moving guest's disks at both hosts, through libvirt's storage driver. */
#include <string.h>

#include "base/core/file.h"
#include "base/program/progress.h"
#include "launcher/keeper/move-int.h"

#define MIB (1ull << 20)

static bool is_copied(const struct sv_move_run *m, size_t i)
{
        return m->r.domain.disks[i].path && !m->shared[i];
}

/* The folder of a disk, at the source and at the target. */
static int open_folders(struct sv_move_run *m, size_t i, struct sv_pool **here,
                        struct sv_pool **there, struct sv_err *err)
{
        SV_STR folder = sv_path_folder(m->r.domain.disks[i].path);

        if (here && sv_pool_open(m->r.from, folder, false, here, err) < 0)
                return -1;
        if (there && sv_pool_open(m->r.to, folder, false, there, err) < 0)
                return sv_wrap(err, "the folder for the copy at %s", m->r.hostname);
        return 0;
}

/* --- before --- */

static int check_takes_disk(const struct sv_move_run *m, const struct sv_domain_disk *d,
                            struct sv_err *err)
{
        if (!d->path || *d->path != '/' || !strncmp(d->path, "/dev/", 5) || !d->kind ||
            strcmp(d->kind, "file"))
                return sv_fail(err, SV_USAGE, "move.storage",
                               "%s is no file, and a move takes or shares files only",
                               d->path ? d->path : "a disk");
        if (d->format && strcmp(d->format, "raw"))
                return sv_fail(err, SV_USAGE, "move.storage",
                               "%s is a %s image, and a move copies raw ones only", d->path,
                               d->format);
        return 0;
}

/* Of this disk and those before it that go into the same folder. */
static uint64_t count_disk_bytes(const struct sv_move_run *m, size_t i)
{
        const char *path = m->r.domain.disks[i].path;
        size_t n = (size_t)(sv_path_name(path) - path);
        uint64_t bytes = 0;

        for (size_t k = 0; k <= i; k++)
                if (!m->shared[k] && !strncmp(m->r.domain.disks[k].path, path, n) &&
                    !strchr(m->r.domain.disks[k].path + n, '/'))
                        bytes += m->disks[k].bytes;
        return bytes;
}

static int check_room_there(struct sv_move_run *m, size_t i, struct sv_pool *there,
                            struct sv_err *err)
{
        const struct sv_domain_disk *d = &m->r.domain.disks[i];
        uint64_t room = 0, bytes = count_disk_bytes(m, i);

        if (sv_pool_has(there, sv_path_name(d->path), NULL))
                return sv_fail(err, SV_SYSTEM, "move.disk",
                               "%s is at %s already, and a copy would overwrite it: move that file "
                               "away",
                               d->path, m->r.hostname);
        if (sv_pool_get_room(there, &room, err) < 0)
                return -1;
        if (room >= bytes)
                return 0;
        return sv_fail(err, SV_SYSTEM, "move.room",
                       "%s and the disks before it take %llu MiB, and %s has %llu MiB left there",
                       d->path, (unsigned long long)(bytes / MIB), m->r.hostname,
                       (unsigned long long)(room / MIB));
}

static int check_moved_disk(struct sv_move_run *m, size_t i, struct sv_err *err)
{
        const struct sv_domain_disk *d = &m->r.domain.disks[i];
        SV_STR folder = NULL;
        SV_POOL *here = NULL, *there = NULL;
        uint64_t bytes = 0;

        if (check_takes_disk(m, d, err) < 0)
                return -1;
        folder = sv_path_folder(d->path);
        if (sv_migrate_try_shared(&m->r, folder, &m->shared[i], err) < 0)
                return -1;
        if (m->shared[i])
                return 0;
        if (open_folders(m, i, &here, &there, err) < 0)
                return -1;
        if (!sv_pool_has(here, sv_path_name(d->path), &bytes))
                return sv_fail(err, SV_SYSTEM, "move.disk", "%s is not there any more", d->path);
        sv_move_disk_free(&m->disks[i]);
        m->disks[i] = (struct sv_move_disk){.name = sv_path_name(d->path), .bytes = bytes};
        /* what the guest only reads and is there with the same contents is left alone */
        if (d->readonly && sv_pool_has(there, m->disks[i].name, NULL) &&
            sv_migrate_compare_files(here, there, m->disks[i].name, &m->shared[i], err) < 0)
                return -1;
        return m->mark || m->shared[i] ? 0 : check_room_there(m, i, there, err);
}

int sv_move_check_disks(struct sv_move_run *m, struct sv_err *err)
{
        for (size_t i = 0; i < m->r.domain.n_disks; i++)
                if (check_moved_disk(m, i, err) < 0)
                        return -1;
        return 0;
}

/* --- copying --- */

static int make_disk_there(struct sv_move_run *m, size_t i, struct sv_err *err)
{
        struct sv_move_disk *d = &m->disks[i];
        SV_POOL *there = NULL;
        uint64_t found = 0;
        bool has;

        if (open_folders(m, i, NULL, &there, err) < 0)
                return -1;
        has = sv_pool_has(there, d->name, &found);
        if (has && found != d->bytes) { /* killed before libvirt had given it its size */
                if (sv_pool_remove(there, d->name, err) < 0)
                        return -1;
                has = false;
        }
        if (!has && sv_pool_make(there, d->name, d->bytes, 0600, err) < 0)
                return -1;
        return sv_move_disk_begin(d, there, !has, err);
}

int sv_move_make_disks(struct sv_move_run *m, struct sv_err *err)
{
        for (size_t i = 0; i < m->r.domain.n_disks; i++)
                if (is_copied(m, i) && make_disk_there(m, i, err) < 0)
                        return -1;
        return 0;
}

/* A pass over marks alone does not see its end. */
static int check_size_now(struct sv_move_run *m, size_t i, struct sv_pool *here, struct sv_err *err)
{
        const struct sv_move_disk *d = &m->disks[i];
        uint64_t found = 0;

        if (sv_pool_has(here, d->name, &found) && found == d->bytes)
                return 0;
        return sv_fail(err, SV_SYSTEM, "move.disk",
                       "%s had %llu bytes when the move began, and has %llu now; begin again",
                       d->name, (unsigned long long)d->bytes, (unsigned long long)found);
}

static int pass_disk(struct sv_move_run *m, size_t i, struct sv_move_pass *pass, struct sv_err *err)
{
        SV_STR what = sv_asprintf("copying %s", m->disks[i].name);
        struct sv_progress_line line;
        SV_POOL *here = NULL, *there = NULL;
        int r;

        if (open_folders(m, i, &here, &there, err) < 0 || check_size_now(m, i, here, err) < 0)
                return -1;
        sv_progress_begin(&line, what);
        pass->progress = m->mv->quiet ? NULL : &line.progress;
        r = sv_move_disk_pass(&m->disks[i], here, there, pass, err);
        sv_progress_end(&line);
        return r;
}

int sv_move_pass(struct sv_move_run *m, struct sv_move_pass *pass, struct sv_err *err)
{
        m->passes++;
        for (size_t i = 0; i < m->r.domain.n_disks; i++)
                if (is_copied(m, i) && pass_disk(m, i, pass, err) < 0)
                        return -1;
        m->bytes += pass->sent;
        return 0;
}

/* --- back --- */

int sv_move_compare(struct sv_move_run *m, bool *same, struct sv_err *err)
{
        *same = true;
        for (size_t i = 0; i < m->r.domain.n_disks; i++) {
                SV_POOL *here = NULL, *there = NULL;
                bool one;

                if (!is_copied(m, i))
                        continue;
                if (open_folders(m, i, &here, &there, err) < 0)
                        return -1;
                if (!sv_pool_has(there, m->disks[i].name, NULL))
                        continue; /* removed by an earlier way back */
                if (sv_migrate_compare_files(here, there, m->disks[i].name, &one, err) < 0)
                        return -1;
                *same &= one;
        }
        return 0;
}

int sv_move_remove_disks(struct sv_move_run *m, struct sv_err *err)
{
        for (size_t i = 0; i < m->r.domain.n_disks; i++) {
                SV_POOL *there = NULL;

                if (!is_copied(m, i))
                        continue;
                if (open_folders(m, i, NULL, &there, err) < 0)
                        return -1;
                if (sv_pool_has(there, m->disks[i].name, NULL) &&
                    sv_pool_remove(there, m->disks[i].name, err) < 0)
                        return -1;
        }
        return 0;
}

void sv_move_free_disks(struct sv_move_run *m)
{
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                sv_move_disk_free(&m->disks[i]);
}
