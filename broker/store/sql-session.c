/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and administrators' tokens: what counts once. Each is a row until its time is over, used
 * or ended. A row that goes raises the floor of its table: what is not above that counts as used,
 * whatever the clock says later. */
#include "broker/store/sql-settings.h"

/* Tables with a floor of that name. */
#define SESSIONS "sessions"
#define TOKENS   "admin_tokens"

static int raise_floor(struct sv_store *s, const char *name, int64_t to, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "UPDATE floors SET time = ? WHERE name = ? AND time < ?",
                                    err, "isi", to, name, to);

        return sv_sql_step(s, q, err);
}

static int remove_expired(struct sv_store *s, const char *name, int64_t now, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    !strcmp(name, SESSIONS)
                                            ? "DELETE FROM sessions WHERE expires <= ?"
                                            : "DELETE FROM admin_tokens WHERE expires <= ?",
                                    err, "i", now);

        if (sv_sql_step(s, q, err) < 0)
                return -1;
        return raise_floor(s, name, now, err);
}

/* 1: it may still count. */
static int is_above_floor(struct sv_store *s, const char *name, int64_t expires, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "SELECT time FROM floors WHERE name = ?", err, "s", name);

        if (sv_sql_step(s, q, err) != 1)
                return -1;
        return expires > sv_sql_number(q, 0);
}

static int fail_unknown_session(struct sv_err *err)
{
        return sv_fail(err, SV_PROOF, "broker.session.unknown",
                       "no such session: it has expired or never was; begin again");
}

int sv_sql_check_nonce(struct sv_store *s, const char *id, int64_t expires, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "SELECT 1 FROM sessions WHERE id = ?", err, "s", id);
        int rc = is_above_floor(s, SESSIONS, expires, err);

        if (rc < 0)
                return -1;
        if (rc == 0)
                return fail_unknown_session(err);
        rc = sv_sql_step(s, q, err);
        if (rc < 0)
                return -1;
        return rc == 1 ? sv_fail(err, SV_PROOF, "broker.session.used",
                                 "evidence was accepted in this session already: a nonce counts "
                                 "once")
                       : 0;
}

static int check_room(struct sv_store *s, struct sv_stmt *count, int64_t max, const char *check,
                      struct sv_err *err)
{
        if (sv_sql_step(s, count, err) != 1)
                return -1;
        return sv_sql_number(count, 0) < max
                       ? 0
                       : sv_fail(err, SV_SYSTEM, check,
                                 "%lld sessions are alive, no more are taken; try again later",
                                 (long long)max);
}

/* Who has told what became of its resource has left its place; the row stays, so that the nonce
 * counts once. */
static int insert_session(struct sv_store *s, const char *id, const struct sv_session *n,
                          int64_t now, const struct sv_session_limits *max, struct sv_err *err)
{
        SV_STMT *all = NULL;
        SV_STMT *source = NULL;
        SV_STMT *put = NULL;

        if (remove_expired(s, SESSIONS, now, err) < 0 ||
            sv_sql_check_nonce(s, id, n->expires, err) < 0)
                return -1;
        all = sv_sql_prepare(s, "SELECT count(*) FROM sessions WHERE token IS NOT NULL", err, "");
        source = sv_sql_prepare(
                s, "SELECT count(*) FROM sessions WHERE source = ? AND token IS NOT NULL", err, "i",
                (int64_t)n->source);
        if (check_room(s, all, max->all, "broker.session.limit", err) < 0 ||
            check_room(s, source, max->per_source, SV_CHECK_SESSIONS, err) < 0)
                return -1;
        put = sv_sql_prepare(s,
                             "INSERT INTO sessions (id, source, tee, token, ek_cn, expires)"
                             " VALUES (?, ?, ?, ?, ?, ?)",
                             err, "sisssi", id, (int64_t)n->source, n->tee, n->token, n->ek_cn,
                             n->expires);
        return sv_sql_step(s, put, err);
}

int sv_sql_put_session(struct sv_store *s, const char *id, const struct sv_session *session,
                       int64_t now, const struct sv_session_limits *max, struct sv_err *err)
{
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, insert_session(s, id, session, now, max, err), err);
}

int sv_sql_find_session_end(struct sv_store *s, uint64_t source, int64_t *out, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(
                s, "SELECT min(expires) FROM sessions WHERE source = ? AND token IS NOT NULL", err,
                "i", (int64_t)source);

        if (sv_sql_step(s, q, err) != 1)
                return -1;
        *out = sv_sql_is_null(q, 0) ? 0 : sv_sql_number(q, 0);
        return 0;
}

int sv_sql_get_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                       struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    "SELECT source, tee, token, ek_cn, expires FROM sessions "
                                    "WHERE id = ? AND expires > ?",
                                    err, "si", id, now);
        int rc = sv_sql_step(s, q, err);

        if (rc < 0)
                return -1;
        if (rc == 0)
                return sv_fail(err, SV_PROOF, "broker.session.token",
                               "no evidence was accepted in this session yet");
        if (sv_sql_is_null(q, 2))
                return sv_fail(err, SV_PROOF, "broker.session.unknown",
                               "this session has ended already");
        out->source = (uint64_t)sv_sql_number(q, 0);
        out->tee = sv_sql_copy_text(q, 1);
        out->token = sv_sql_copy_text(q, 2);
        out->ek_cn = sv_sql_copy_text(q, 3);
        out->expires = sv_sql_number(q, 4);
        return 0;
}

static int insert_release(struct sv_store *s, const char *id, const char *path, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "INSERT INTO releases VALUES (?, ?) ON CONFLICT DO NOTHING",
                                    err, "ss", id, path);

        return sv_sql_step(s, q, err);
}

int sv_sql_put_release(struct sv_store *s, const char *id, const char *path, struct sv_err *err)
{
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, insert_release(s, id, path, err), err);
}

static int end_released(struct sv_store *s, const char *id, const char *path, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "SELECT 1 FROM releases WHERE session = ? AND path = ?", err,
                                    "ss", id, path);
        SV_STMT *end = NULL;
        int rc = sv_sql_step(s, q, err);

        if (rc < 0)
                return -1;
        if (rc == 0)
                return sv_fail(err, SV_PROOF, "broker.outcome.resource",
                               "%s was not released in this session, so nothing became of it here",
                               path);
        end = sv_sql_prepare(s,
                             "UPDATE sessions SET token = NULL WHERE id = ? AND token IS NOT NULL",
                             err, "s", id);
        if (sv_sql_step(s, end, err) < 0)
                return -1;
        if (!sv_sql_changes(s))
                return sv_fail(err, SV_PROOF, "broker.session.unknown",
                               "this session has ended already");
        return 0;
}

int sv_sql_end_session(struct sv_store *s, const char *id, const char *path, struct sv_err *err)
{
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, end_released(s, id, path, err), err);
}

static int forget_all(struct sv_store *s, int64_t sessions, int64_t tokens, struct sv_err *err)
{
        if (sv_sql_exec(s, "DELETE FROM sessions; DELETE FROM admin_tokens; DELETE FROM leases;",
                        err) < 0 ||
            raise_floor(s, SESSIONS, sessions, err) < 0)
                return -1;
        return raise_floor(s, TOKENS, tokens, err);
}

int sv_sql_forget_once(struct sv_store *s, int64_t sessions, int64_t tokens, struct sv_err *err)
{
        if (sv_settings_spend(s, err) < 0 || sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, forget_all(s, sessions, tokens, err), err);
}

static int insert_token(struct sv_store *s, const char *id, int64_t expires, int64_t now,
                        struct sv_err *err)
{
        SV_STMT *put = NULL;
        int above;

        if (remove_expired(s, TOKENS, now, err) < 0)
                return -1;
        above = is_above_floor(s, TOKENS, expires, err);
        if (above < 0)
                return -1;
        put = sv_sql_prepare(s, "INSERT INTO admin_tokens VALUES (?, ?) ON CONFLICT DO NOTHING",
                             err, "si", id, expires);
        if (sv_sql_step(s, put, err) < 0)
                return -1;
        return above && sv_sql_changes(s)
                       ? 0
                       : sv_fail(err, SV_PROOF, "admin.token.used",
                                 "this token was used before: each request needs its own");
}

int sv_sql_take_token(struct sv_store *s, const char *id, int64_t expires, int64_t now,
                      struct sv_err *err)
{
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, insert_token(s, id, expires, now, err), err);
}
