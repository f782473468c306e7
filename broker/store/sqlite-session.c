/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/sqlite.h"

static int insert_session(struct sv_store *s, const char *id, const struct sv_session *n,
                          int64_t now, int64_t max, struct sv_err *err)
{
        SV_STMT *old =
                sv_sqlite_prepare(s, "DELETE FROM sessions WHERE expires <= ?", err, "i", now);
        SV_STMT *count = NULL;
        SV_STMT *put = NULL;

        if (sv_sqlite_step(s, old, err) < 0)
                return -1;
        count = sv_sqlite_prepare(s, "SELECT count(*) FROM sessions", err, "");
        if (sv_sqlite_step(s, count, err) != 1)
                return -1;
        if (sqlite3_column_int64(count, 0) >= max)
                return sv_fail(err, SV_SYSTEM, "broker.session.limit",
                               "%lld sessions are alive, no more are taken; try again later",
                               (long long)max);
        put = sv_sqlite_prepare(
                s, "INSERT INTO sessions (id, nonce, tee, secret, expires) VALUES (?, ?, ?, ?, ?)",
                err, "sssbi", id, n->nonce, n->tee, sv_buf_bytes(&n->secret), n->expires);
        return sv_sqlite_step(s, put, err);
}

int sv_sqlite_put_session(struct sv_store *s, const char *id, const struct sv_session *session,
                          int64_t now, int64_t max, struct sv_err *err)
{
        if (sv_sqlite_begin(s, err) < 0)
                return -1;
        return sv_sqlite_end(s, insert_session(s, id, session, now, max, err), err);
}

static int read_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                        bool *used, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(
                s,
                "SELECT nonce, tee, secret, expires, used, token, ek_cn FROM sessions "
                "WHERE id = ? AND expires > ?",
                err, "si", id, now);
        SV_SESSION n = {0};
        int rc = sv_sqlite_step(s, q, err);

        if (rc < 0)
                return -1;
        if (rc == 0)
                return sv_fail(err, SV_PROOF, "broker.session.unknown",
                               "no such session: it has expired or never was; begin again");
        n.nonce = sv_sqlite_copy_text(q, 0);
        n.tee = sv_sqlite_copy_text(q, 1);
        n.expires = sqlite3_column_int64(q, 3);
        *used = sqlite3_column_int(q, 4) != 0;
        n.token = sv_sqlite_copy_text(q, 5);
        n.ek_cn = sv_sqlite_copy_text(q, 6);
        sv_buf_put(&n.secret, sv_sqlite_bytes(q, 2));
        if (sv_buf_ok(&n.secret, "a session's secret", err) < 0)
                return -1;
        *out = n;
        memset(&n, 0, sizeof(n));
        return 0;
}

int sv_sqlite_get_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                          struct sv_err *err)
{
        bool used;

        return read_session(s, id, now, out, &used, err);
}

static int take_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                        struct sv_err *err)
{
        SV_STMT *q = NULL;
        bool used;

        if (read_session(s, id, now, out, &used, err) < 0)
                return -1;
        if (used)
                return sv_fail(err, SV_PROOF, "broker.session.used",
                               "evidence was already given in this session: a nonce counts once");
        q = sv_sqlite_prepare(
                s, "UPDATE sessions SET used = 1, secret = NULL WHERE id = ? AND used = 0", err,
                "s", id);
        return sv_sqlite_step(s, q, err);
}

int sv_sqlite_use_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                          struct sv_err *err)
{
        SV_SESSION n = {0};

        if (sv_sqlite_begin(s, err) < 0)
                return -1;
        if (sv_sqlite_end(s, take_session(s, id, now, &n, err), err) < 0)
                return -1;
        *out = n;
        memset(&n, 0, sizeof(n));
        return 0;
}

int sv_sqlite_set_token(struct sv_store *s, const char *id, const char *token, const char *ek_cn,
                        struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, "UPDATE sessions SET token = ?, ek_cn = ? WHERE id = ?",
                                       err, "sss", token, ek_cn, id);

        return sv_sqlite_step(s, q, err);
}

int sv_sqlite_end_session(struct sv_store *s, const char *id, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, "DELETE FROM sessions WHERE id = ?", err, "s", id);

        if (sv_sqlite_step(s, q, err) < 0)
                return -1;
        if (!sqlite3_changes(((struct sv_sqlite *)s)->db))
                return sv_fail(err, SV_PROOF, "broker.session.unknown",
                               "this session has ended already");
        return 0;
}
