/* SPDX-License-Identifier: Apache-2.0 */
/* The highest generation that was reported of each disk. */
#include "broker/store/sqlite.h"

int sv_sqlite_get_disk(struct sv_store *s, const char *path, const char *volume,
                       struct sv_disk_floor *out, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s,
                                       "SELECT generation, restored FROM disks WHERE path = ? AND "
                                       "volume = ?",
                                       err, "ss", path, volume);
        int rc = sv_sqlite_step(s, q, err);

        if (rc < 0)
                return -1;
        *out = (struct sv_disk_floor){0};
        if (rc == 1)
                *out = (struct sv_disk_floor){.generation = sqlite3_column_int64(q, 0),
                                              .restored = sqlite3_column_int(q, 1) != 0};
        return 0;
}

/* One statement: of two reports at the same moment the higher one stays. */
int sv_sqlite_raise_disk(struct sv_store *s, const char *path, const char *volume,
                         int64_t generation, int64_t now, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(
                s,
                "INSERT INTO disks (path, volume, generation, restored, time) "
                "VALUES (?, ?, ?, 0, ?) ON CONFLICT (path, volume) DO UPDATE SET "
                "generation = excluded.generation, restored = 0, time = excluded.time "
                "WHERE excluded.generation >= generation",
                err, "ssii", path, volume, generation, now);
        struct sv_disk_floor floor;

        if (sv_sqlite_step(s, q, err) < 0)
                return -1;
        if (sqlite3_changes(((struct sv_sqlite *)s)->db))
                return 0;
        if (sv_sqlite_get_disk(s, path, volume, &floor, err) < 0)
                return -1;
        return sv_fail(err, SV_PROOF, "disk.rollback",
                       "the disk is at generation %lld, and has been at %lld: it is an older state "
                       "of the disk (after a restore: \"key accept-restore\")",
                       (long long)generation, (long long)floor.generation);
}

int sv_sqlite_restore_disk(struct sv_store *s, const char *path, const char *volume,
                           int64_t generation, int64_t now, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s,
                                       "UPDATE disks SET generation = ?3, restored = 1, time = ?4 "
                                       "WHERE path = ?1 AND volume = ?2 AND generation > ?3",
                                       err, "ssii", path, volume, generation, now);

        if (sv_sqlite_step(s, q, err) < 0)
                return -1;
        if (sqlite3_changes(((struct sv_sqlite *)s)->db))
                return 0;
        return sv_fail(err, SV_USAGE, "disk.restore",
                       "no generation above %lld was reported of volume %s: there is nothing to "
                       "accept (\"key show\" has the generation)",
                       (long long)generation, volume);
}
