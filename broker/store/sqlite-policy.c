/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, and the trust anchors that they name. */
#include "broker/store/sqlite.h"

int sv_sqlite_put_anchors(struct sv_store *s, const char *path, const struct sv_anchors *anchors,
                          struct sv_err *err)
{
        for (size_t i = 0; i < anchors->n; i++) {
                const struct sv_anchor *a = &anchors->list[i];
                SV_STMT *put = sv_sqlite_prepare(
                        s, "INSERT OR IGNORE INTO anchors (tee, kind, data) VALUES (?, ?, ?)", err,
                        "ssb", anchors->tee, a->kind, sv_buf_bytes(&a->data));
                SV_STMT *link = NULL;

                if (sv_sqlite_step(s, put, err) < 0)
                        return -1;
                link = sv_sqlite_prepare(
                        s,
                        "INSERT OR IGNORE INTO policy_anchors (path, anchor) SELECT ?, id "
                        "FROM anchors WHERE tee = ? AND kind = ? AND data = ?",
                        err, "sssb", path, anchors->tee, a->kind, sv_buf_bytes(&a->data));
                if (sv_sqlite_step(s, link, err) < 0)
                        return -1;
        }
        return 0;
}

static int insert_policy(struct sv_store *s, const char *path, struct sv_bytes text, int64_t now,
                         struct sv_err *err)
{
        SV_STMT *drop = sv_sqlite_prepare(s, "DELETE FROM policies WHERE path = ?", err, "s", path);
        SV_STMT *put = NULL;

        if (sv_sqlite_step(s, drop, err) < 0)
                return -1;
        put = sv_sqlite_prepare(s, "INSERT INTO policies (path, text, created) VALUES (?, ?, ?)",
                                err, "sbi", path, text, now);
        return sv_sqlite_step(s, put, err);
}

int sv_sqlite_put_policy(struct sv_store *s, const char *path, struct sv_bytes text,
                         const struct sv_anchors *anchors, int64_t now, struct sv_err *err)
{
        int rc;

        if (sv_sqlite_begin(s, err) < 0)
                return -1;
        rc = insert_policy(s, path, text, now, err);
        if (rc == 0)
                rc = sv_sqlite_put_anchors(s, path, anchors, err);
        return sv_sqlite_end(s, rc, err);
}

int sv_sqlite_get_policy(struct sv_store *s, const char *path, struct sv_buf *text,
                         struct sv_err *err)
{
        SV_STMT *q =
                sv_sqlite_prepare(s, "SELECT text FROM policies WHERE path = ?", err, "s", path);
        int rc = sv_sqlite_step(s, q, err);

        if (rc == 0)
                return sv_fail(err, SV_USAGE, "broker.policy.absent",
                               "there is no policy under this path");
        if (rc < 0)
                return -1;
        sv_buf_put(text, sv_sqlite_bytes(q, 0));
        return sv_buf_ok(text, "a policy of the store", err);
}

int sv_sqlite_delete_policy(struct sv_store *s, const char *path, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, "DELETE FROM policies WHERE path = ?", err, "s", path);

        if (sv_sqlite_step(s, q, err) < 0)
                return -1;
        if (!sqlite3_changes(((struct sv_sqlite *)s)->db))
                return sv_fail(err, SV_USAGE, "broker.policy.absent",
                               "there is no policy under this path");
        return 0;
}

int sv_sqlite_get_anchors(struct sv_store *s, const char *tee, struct sv_anchors *out,
                          struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(
                s, "SELECT kind, data FROM anchors WHERE tee = ? ORDER BY kind, data", err, "s",
                tee);
        SV_ANCHORS n = {0};
        int rc;

        while ((rc = sv_sqlite_step(s, q, err)) == 1) {
                const char *kind = (const char *)sqlite3_column_text(q, 0);

                if (sv_anchors_add(&n, kind, sv_sqlite_bytes(q, 1), err) < 0)
                        return -1;
        }
        if (rc < 0)
                return -1;
        *out = n;
        memset(&n, 0, sizeof(n));
        return 0;
}
