/* SPDX-License-Identifier: Apache-2.0 */
/* Which instance has a disk. It changes with each report, and counts for minutes. */
#include <stdio.h>

#include "broker/store/sql.h"

int sv_sql_get_lease(struct sv_store *s, const char *path, const char *volume, struct sv_lease *out,
                     struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(
                s, "SELECT until, time, instance FROM leases WHERE path = ? AND volume = ?", err,
                "ss", path, volume);
        int rc = sv_sql_step(s, q, err);

        if (rc < 0)
                return -1;
        *out = (struct sv_lease){.end = 0};
        if (rc == 0)
                return 0;
        out->end = sv_sql_number(q, 0);
        out->time = sv_sql_number(q, 1);
        snprintf(out->instance, sizeof(out->instance), "%s", sv_sql_text(q, 2));
        return 0;
}

/* Only a disk that is opened changes hands: an instance that has lost it must not go on. */
static int check_lease(const struct sv_lease *has, const struct sv_lease *wants, bool opens,
                       struct sv_err *err)
{
        if (!*wants->instance || !*has->instance || !strcmp(wants->instance, has->instance))
                return 0;
        if (!opens)
                return sv_fail(err, SV_PROOF, "disk.superseded",
                               "another instance of the disk (%.8s) was opened since: this one "
                               "must end, and what it writes is lost",
                               has->instance);
        if (has->end <= wants->time)
                return 0;
        return sv_fail(err, SV_PROOF, "disk.in-use",
                       "another instance of the disk (%.8s) reported %lld s ago and has it for "
                       "%lld s more: end that guest, or wait (when it is gone: \"key end-lease\")",
                       has->instance, (long long)(wants->time - has->time),
                       (long long)(has->end - wants->time));
}

static int replace_lease(struct sv_store *s, const char *path, const char *volume,
                         const struct sv_lease *wants, bool opens, struct sv_lease *before,
                         struct sv_err *err)
{
        SV_STMT *put = NULL;

        if (sv_sql_get_lease(s, path, volume, before, err) < 0 ||
            check_lease(before, wants, opens, err) < 0)
                return -1;
        put = sv_sql_prepare(s,
                             "INSERT INTO leases (path, volume, instance, until, time) VALUES "
                             "(?, ?, ?, ?, ?) ON CONFLICT (path, volume) DO UPDATE SET "
                             "instance = excluded.instance, until = excluded.until, time = "
                             "excluded.time",
                             err, "sssii", path, volume, wants->instance, wants->end, wants->time);
        return sv_sql_step(s, put, err) < 0 ? -1 : 0;
}

/* One transaction: of two instances at the same moment the second sees what the first has taken. */
int sv_sql_take_lease(struct sv_store *s, const char *path, const char *volume,
                      const struct sv_lease *wants, bool opens, struct sv_lease *before,
                      struct sv_err *err)
{
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, replace_lease(s, path, volume, wants, opens, before, err), err);
}

static int end_one_lease(struct sv_store *s, const char *path, const char *volume, int64_t now,
                         struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    "UPDATE leases SET until = 0 WHERE path = ? AND volume = ? "
                                    "AND until > ?",
                                    err, "ssi", path, volume, now);

        if (sv_sql_step(s, q, err) < 0)
                return -1;
        if (sv_sql_changes(s))
                return 0;
        return sv_fail(err, SV_USAGE, "disk.lease",
                       "no guest has a lease of volume %s: nothing keeps the next one from it "
                       "(\"key show\" says who has a disk)",
                       volume);
}

int sv_sql_end_lease(struct sv_store *s, const char *path, const char *volume, int64_t now,
                     struct sv_err *err)
{
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, end_one_lease(s, path, volume, now, err), err);
}
