/* SPDX-License-Identifier: Apache-2.0 */
/* The highest generation that was reported of each disk. */
#include "broker/store/sql-mac.h"

static int read_generation_row(struct sv_store *s, struct sv_macs *m, const char *path,
                               const char *volume, struct sv_disk_floor *out, struct sv_err *err)
{
        SV_STMT *q = NULL;
        int rc = sv_macs_get_row(s, m, SV_ROW_DISK, path, volume, &q, err);

        if (rc < 0)
                return -1;
        *out = (struct sv_disk_floor){0};
        if (rc == 1)
                *out = (struct sv_disk_floor){.generation = sv_sql_number(q, 0),
                                              .restored = sv_sql_number(q, 1) != 0};
        return 0;
}

int sv_sql_get_disk(struct sv_store *s, const char *path, const char *volume,
                    struct sv_disk_floor *out, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_generation_row(s, &m, path, volume, out, err));
}

static int write_generation(struct sv_store *s, struct sv_macs *m, const char *path,
                            const char *volume, const struct sv_disk_floor *floor, int64_t now,
                            struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    "INSERT INTO disks (path, volume, generation, restored, time) "
                                    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (path, volume) DO "
                                    "UPDATE SET generation = excluded.generation, restored = "
                                    "excluded.restored, time = excluded.time",
                                    err, "ssiii", path, volume, floor->generation,
                                    (int64_t)floor->restored, now);

        if (sv_sql_step(s, q, err) < 0)
                return -1;
        return sv_macs_put_row(s, m, SV_ROW_DISK, path, volume, err, "iii", floor->generation,
                               (int64_t)floor->restored, now);
}

/* Of two reports at the same moment the higher one stays. One that says what is known already
 * changes nothing. */
static int raise_generation(struct sv_store *s, struct sv_macs *m, const char *path,
                            const char *volume, int64_t generation, int64_t now, struct sv_err *err)
{
        const struct sv_disk_floor to = {.generation = generation};
        struct sv_disk_floor floor;

        if (read_generation_row(s, m, path, volume, &floor, err) < 0)
                return -1;
        if (generation < floor.generation)
                return sv_fail(err, SV_PROOF, "disk.rollback",
                               "the disk is at generation %lld, and has been at %lld: it is an "
                               "older state of the disk (after a restore: \"key accept-restore\")",
                               (long long)generation, (long long)floor.generation);
        if (generation == floor.generation && !floor.restored)
                return 0;
        return write_generation(s, m, path, volume, &to, now, err);
}

int sv_sql_raise_disk(struct sv_store *s, const char *path, const char *volume, int64_t generation,
                      int64_t now, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m,
                                  raise_generation(s, &m, path, volume, generation, now, err), err);
}

static int lower_generation(struct sv_store *s, struct sv_macs *m, const char *path,
                            const char *volume, int64_t generation, int64_t now, struct sv_err *err)
{
        const struct sv_disk_floor to = {.generation = generation, .restored = true};
        struct sv_disk_floor floor;

        if (read_generation_row(s, m, path, volume, &floor, err) < 0)
                return -1;
        if (generation < floor.generation)
                return write_generation(s, m, path, volume, &to, now, err);
        return sv_fail(err, SV_USAGE, "disk.restore",
                       "no generation above %lld was reported of volume %s: there is nothing to "
                       "accept (\"key show\" has the generation)",
                       (long long)generation, volume);
}

int sv_sql_restore_disk(struct sv_store *s, const char *path, const char *volume,
                        int64_t generation, int64_t now, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m,
                                  lower_generation(s, &m, path, volume, generation, now, err), err);
}
