/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite behind prepared statements. WAL lets readers go on while one writes; a writer waits for
 * another up to BUSY_MS. */
#include "broker/store/store.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/secret.h"
#include "base/core/text.h"

#define BUSY_MS 10000

struct sv_store {
        sqlite3 *db;
};

static const char schema[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA "
        "foreign_keys=ON;"
        "CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, nonce TEXT NOT NULL, tee TEXT "
        "NOT NULL, secret BLOB,"
        " expires INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0, token TEXT, ek_cn TEXT);"
        "CREATE INDEX IF NOT EXISTS sessions_expires ON sessions (expires);"
        "CREATE TABLE IF NOT EXISTS resources (path TEXT PRIMARY KEY, sealed BLOB NOT NULL, size "
        "INTEGER NOT NULL,"
        " created INTEGER NOT NULL);"
        "CREATE TABLE IF NOT EXISTS policies (path TEXT PRIMARY KEY, text BLOB NOT NULL, created "
        "INTEGER NOT NULL);"
        "CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT "
        "NULL, record TEXT NOT NULL);";

static int fail_db(struct sv_store *s, const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "%s: %s", what,
                       s->db ? sqlite3_errmsg(s->db) : "no memory");
}

int sv_store_open(const char *path, struct sv_store **out, struct sv_err *err)
{
        SV_STORE *s = calloc(1, sizeof(*s));
        mode_t old;
        int rc;

        if (!s)
                return sv_fail_errno(err, "base.memory", "no memory for the store");
        old = umask(077);
        rc = sqlite3_open_v2(path, &s->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                             NULL);
        if (rc == SQLITE_OK) {
                sqlite3_busy_timeout(s->db, BUSY_MS);
                sqlite3_extended_result_codes(s->db, 1);
                rc = sqlite3_exec(s->db, schema, NULL, NULL, NULL);
        }
        umask(old);
        if (rc != SQLITE_OK) {
                fail_db(s, "cannot open the database", err);
                return sv_wrap(err, "%s", path);
        }
        *out = s;
        s = NULL;
        return 0;
}

void sv_store_free(struct sv_store *s)
{
        if (!s)
                return;
        sqlite3_close(s->db);
        free(s);
}

void sv_store_freep(struct sv_store **s)
{
        sv_store_free(*s);
}

void sv_session_free(struct sv_session *s)
{
        free(s->nonce);
        free(s->tee);
        free(s->token);
        free(s->ek_cn);
        sv_buf_free(&s->secret);
        memset(s, 0, sizeof(*s));
}

/* --- statements --- */

static void finish(sqlite3_stmt **q)
{
        sqlite3_finalize(*q);
}
#define STMT __attribute__((cleanup(finish))) sqlite3_stmt

/* Prepares and binds: 's' const char * (NULL binds null), 'b' struct sv_bytes, 'i' int64_t. */
static sqlite3_stmt *prepare(struct sv_store *s, const char *sql, struct sv_err *err,
                             const char *types, ...)
{
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
        va_list ap;

        va_start(ap, types);
        for (int i = 1; rc == SQLITE_OK && *types; types++, i++) {
                if (*types == 's') {
                        rc = sqlite3_bind_text(q, i, va_arg(ap, const char *), -1,
                                               SQLITE_TRANSIENT);
                } else if (*types == 'i') {
                        rc = sqlite3_bind_int64(q, i, va_arg(ap, int64_t));
                } else {
                        struct sv_bytes b = va_arg(ap, struct sv_bytes);

                        rc = sqlite3_bind_blob64(q, i, b.p, b.n, SQLITE_TRANSIENT);
                }
        }
        va_end(ap);
        if (rc == SQLITE_OK)
                return q;
        fail_db(s, "cannot prepare", err);
        sqlite3_finalize(q);
        return NULL;
}

/* 1 a row, 0 no more rows, -1. */
static int step(struct sv_store *s, sqlite3_stmt *q, struct sv_err *err)
{
        int rc = q ? sqlite3_step(q) : SQLITE_ERROR;

        if (rc == SQLITE_ROW)
                return 1;
        if (rc == SQLITE_DONE)
                return 0;
        return q ? fail_db(s, "cannot read or write", err) : -1; /* prepare has said why */
}

static char *column_text(sqlite3_stmt *q, int i)
{
        const char *t = (const char *)sqlite3_column_text(q, i);

        return t ? sv_asprintf("%s", t) : NULL;
}

static int column_blob(sqlite3_stmt *q, int i, struct sv_buf *out, struct sv_err *err)
{
        sv_buf_put(out, sv_bytes(sqlite3_column_blob(q, i), (size_t)sqlite3_column_bytes(q, i)));
        return sv_buf_ok(out, "a value of the store", err);
}

static int exec(struct sv_store *s, const char *sql, struct sv_err *err)
{
        return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail_db(s, sql, err);
}

/* --- sessions --- */

static int insert_session(struct sv_store *s, const char *id, const struct sv_session *n,
                          int64_t now, int64_t max, struct sv_err *err)
{
        STMT *old = prepare(s, "DELETE FROM sessions WHERE expires <= ?", err, "i", now);
        STMT *count = prepare(s, "SELECT count(*) FROM sessions", err, "");
        STMT *put = prepare(
                s, "INSERT INTO sessions (id, nonce, tee, secret, expires) VALUES (?, ?, ?, ?, ?)",
                err, "sssbi", id, n->nonce, n->tee, sv_buf_bytes(&n->secret), n->expires);

        if (!old || !count || !put || step(s, old, err) < 0 || step(s, count, err) != 1)
                return -1;
        if (sqlite3_column_int64(count, 0) >= max)
                return sv_fail(err, SV_SYSTEM, "broker.session.limit",
                               "%lld sessions are alive, no more are taken; try again later",
                               (long long)max);
        return step(s, put, err);
}

int sv_store_put_session(struct sv_store *s, const char *id, const struct sv_session *session,
                         int64_t now, int64_t max, struct sv_err *err)
{
        if (exec(s, "BEGIN IMMEDIATE", err) < 0)
                return -1;
        if (insert_session(s, id, session, now, max, err) == 0 && exec(s, "COMMIT", err) == 0)
                return 0;
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        return -1;
}

static int get_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                       bool *used, struct sv_err *err)
{
        STMT *q = prepare(s,
                          "SELECT nonce, tee, secret, expires, used, token, ek_cn FROM sessions "
                          "WHERE id = ? AND expires > ?",
                          err, "si", id, now);
        SV_SESSION n = {0};
        int rc = step(s, q, err);

        if (rc < 0)
                return -1;
        if (rc == 0)
                return sv_fail(err, SV_PROOF, "broker.session.unknown",
                               "no such session: it has expired or never was; begin again");
        n.nonce = column_text(q, 0);
        n.tee = column_text(q, 1);
        n.expires = sqlite3_column_int64(q, 3);
        *used = sqlite3_column_int(q, 4) != 0;
        n.token = column_text(q, 5);
        n.ek_cn = column_text(q, 6);
        if (column_blob(q, 2, &n.secret, err) < 0)
                return -1;
        *out = n;
        memset(&n, 0, sizeof(n));
        return 0;
}

int sv_store_get_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                         struct sv_err *err)
{
        bool used;

        return get_session(s, id, now, out, &used, err);
}

static int take_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                        struct sv_err *err)
{
        SV_SESSION n = {0};
        STMT *q = NULL;
        bool used;

        if (get_session(s, id, now, &n, &used, err) < 0)
                return -1;
        if (used)
                return sv_fail(err, SV_PROOF, "broker.session.used",
                               "evidence was already given in this session: a nonce counts once");
        q = prepare(s, "UPDATE sessions SET used = 1, secret = NULL WHERE id = ? AND used = 0", err,
                    "s", id);
        if (step(s, q, err) < 0)
                return -1;
        *out = n;
        memset(&n, 0, sizeof(n));
        return 0;
}

int sv_store_use_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                         struct sv_err *err)
{
        SV_SESSION n = {0};

        /* Immediate: of two callers at the same moment the second begins after the first has ended.
         */
        if (exec(s, "BEGIN IMMEDIATE", err) < 0)
                return -1;
        if (take_session(s, id, now, &n, err) < 0 || exec(s, "COMMIT", err) < 0) {
                sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
                return -1;
        }
        *out = n;
        memset(&n, 0, sizeof(n));
        return 0;
}

int sv_store_set_token(struct sv_store *s, const char *id, const char *token, const char *ek_cn,
                       struct sv_err *err)
{
        STMT *q = prepare(s, "UPDATE sessions SET token = ?, ek_cn = ? WHERE id = ?", err, "sss",
                          token, ek_cn, id);

        return step(s, q, err);
}

int sv_store_end_session(struct sv_store *s, const char *id, struct sv_err *err)
{
        STMT *q = prepare(s, "DELETE FROM sessions WHERE id = ?", err, "s", id);

        if (step(s, q, err) < 0)
                return -1;
        return sqlite3_changes(s->db) ? 0
                                      : sv_fail(err, SV_PROOF, "broker.session.unknown",
                                                "this session has ended already");
}

/* --- resources and policies --- */

int sv_store_put_resource(struct sv_store *s, const char *path, struct sv_bytes sealed,
                          int64_t size, int64_t now, struct sv_err *err)
{
        STMT *q = prepare(s,
                          "INSERT OR REPLACE INTO resources (path, sealed, size, created) VALUES "
                          "(?, ?, ?, ?)",
                          err, "sbii", path, sealed, size, now);

        return step(s, q, err);
}

static int get_blob(struct sv_store *s, sqlite3_stmt *q, struct sv_buf *out, const char *check,
                    const char *what, struct sv_err *err)
{
        int rc = step(s, q, err);

        if (rc == 0)
                return sv_fail(err, SV_USAGE, check, "there is no %s under this path", what);
        return rc < 0 ? -1 : column_blob(q, 0, out, err);
}

static int delete_one(struct sv_store *s, sqlite3_stmt *q, const char *check, const char *what,
                      struct sv_err *err)
{
        if (step(s, q, err) < 0)
                return -1;
        return sqlite3_changes(s->db)
                       ? 0
                       : sv_fail(err, SV_USAGE, check, "there is no %s under this path", what);
}

int sv_store_get_resource(struct sv_store *s, const char *path, struct sv_buf *sealed,
                          struct sv_err *err)
{
        STMT *q = prepare(s, "SELECT sealed FROM resources WHERE path = ?", err, "s", path);

        return get_blob(s, q, sealed, "broker.resource.none", "resource", err);
}

int sv_store_delete_resource(struct sv_store *s, const char *path, struct sv_err *err)
{
        STMT *q = prepare(s, "DELETE FROM resources WHERE path = ?", err, "s", path);

        return delete_one(s, q, "broker.resource.none", "resource", err);
}

int sv_store_list_resources(struct sv_store *s, struct sv_json *list, struct sv_err *err)
{
        STMT *q = prepare(s,
                          "SELECT path, size, created, EXISTS (SELECT 1 FROM policies p WHERE "
                          "p.path = r.path) FROM resources r"
                          " ORDER BY path",
                          err, "");
        int rc;

        while ((rc = step(s, q, err)) == 1) {
                struct sv_json *row = sv_json_object();
                char when[32];

                sv_json_set_str(row, "path", (const char *)sqlite3_column_text(q, 0));
                sv_json_set_int(row, "size", sqlite3_column_int64(q, 1));
                sv_json_set_str(row, "created", sv_format_time(sqlite3_column_int64(q, 2), when));
                sv_json_set_bool(row, "policy", sqlite3_column_int(q, 3) != 0);
                sv_json_add(list, row);
        }
        return rc;
}

int sv_store_put_policy(struct sv_store *s, const char *path, struct sv_bytes text, int64_t now,
                        struct sv_err *err)
{
        STMT *q =
                prepare(s, "INSERT OR REPLACE INTO policies (path, text, created) VALUES (?, ?, ?)",
                        err, "sbi", path, text, now);

        return step(s, q, err);
}

int sv_store_get_policy(struct sv_store *s, const char *path, struct sv_buf *text,
                        struct sv_err *err)
{
        STMT *q = prepare(s, "SELECT text FROM policies WHERE path = ?", err, "s", path);

        return get_blob(s, q, text, "broker.policy.absent", "policy", err);
}

int sv_store_delete_policy(struct sv_store *s, const char *path, struct sv_err *err)
{
        STMT *q = prepare(s, "DELETE FROM policies WHERE path = ?", err, "s", path);

        return delete_one(s, q, "broker.policy.absent", "policy", err);
}

int sv_store_each_policy(struct sv_store *s,
                         int (*fn)(void *arg, struct sv_bytes text, struct sv_err *err), void *arg,
                         struct sv_err *err)
{
        STMT *q = prepare(s, "SELECT text FROM policies ORDER BY path", err, "");
        int rc;

        while ((rc = step(s, q, err)) == 1)
                if (fn(arg, sv_bytes(sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0)),
                       err) < 0)
                        return -1;
        return rc;
}

/* --- audit --- */

int sv_store_put_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                       struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(record, &text);
        if (sv_buf_ok(&text, "the audit record", err) < 0)
                return -1;
        STMT *q = prepare(s, "INSERT INTO audit (time, record) VALUES (?, ?)", err, "is", now,
                          sv_buf_str(&text));

        return step(s, q, err);
}

int sv_store_list_audit(struct sv_store *s, int64_t after, int64_t max, struct sv_json *list,
                        struct sv_err *err)
{
        STMT *q = prepare(s, "SELECT id, record FROM audit WHERE id > ? ORDER BY id LIMIT ?", err,
                          "ii", after, max);
        int rc;

        while ((rc = step(s, q, err)) == 1) {
                struct sv_json *record = NULL;

                if (sv_json_parse(sv_bytes_str((const char *)sqlite3_column_text(q, 1)),
                                  "broker.audit", &record, err) < 0)
                        return -1;
                sv_json_set_int(record, "id", sqlite3_column_int64(q, 0));
                sv_json_add(list, record);
        }
        return rc;
}
