/* SPDX-License-Identifier: Apache-2.0 */
/* Who was given what, as it proved itself then: so that a policy can be tried on the guests that
 * there are. The rows have no MAC, the tokens in them are signed. */
#include "base/core/limits.h"
#include "broker/store/sql.h"

static int replace_accepted(struct sv_store *s, const char *path, const struct sv_accepted *what,
                            struct sv_err *err)
{
        SV_STMT *put = sv_sql_prepare(
                s,
                "INSERT INTO accepted (path, guest, token, time) VALUES (?, ?, ?, ?) ON CONFLICT "
                "(path, guest) DO UPDATE SET token = excluded.token, time = excluded.time",
                err, "sssi", path, what->guest, what->token, what->time);
        SV_STMT *drop = NULL;

        if (sv_sql_step(s, put, err) < 0)
                return -1;
        drop = sv_sql_prepare(s,
                              "DELETE FROM accepted WHERE path = ?1 AND guest NOT IN (SELECT "
                              "guest FROM accepted WHERE path = ?1 ORDER BY time DESC, guest "
                              "LIMIT ?2)",
                              err, "si", path, (int64_t)SV_ACCEPTED_MAX);
        return sv_sql_step(s, drop, err) < 0 ? -1 : 0;
}

int sv_sql_put_accepted(struct sv_store *s, const char *path, const struct sv_accepted *what,
                        struct sv_err *err)
{
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, replace_accepted(s, path, what, err), err);
}

int sv_sql_each_accepted(struct sv_store *s, const char *path,
                         int (*each)(const struct sv_accepted *what, void *arg, struct sv_err *err),
                         void *arg, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    "SELECT guest, token, time FROM accepted WHERE path = ? "
                                    "ORDER BY time DESC, guest",
                                    err, "s", path);
        int rc;

        while ((rc = sv_sql_step(s, q, err)) == 1) {
                const struct sv_accepted a = {.guest = sv_sql_text(q, 0),
                                              .token = sv_sql_text(q, 1),
                                              .time = sv_sql_number(q, 2)};
                int r = each(&a, arg, err);

                if (r)
                        return r;
        }
        return rc;
}
