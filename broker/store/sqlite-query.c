/* SPDX-License-Identifier: Apache-2.0 */
/* Prepared statements. WAL lets readers go on while one writes; a writer waits for another up to
 * BUSY_MS. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "broker/store/sqlite.h"

#define BUSY_MS 10000

static sqlite3 *get_db(struct sv_store *s)
{
        return ((struct sv_sqlite *)s)->db;
}

int sv_sqlite_fail(struct sv_store *s, const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "%s: %s", what,
                       get_db(s) ? sqlite3_errmsg(get_db(s)) : "no memory");
}

/* Triggers and views are programs: one that somebody else put into the database would have its way
 * with what this broker writes and then authenticates. */
static void refuse_foreign_code(sqlite3 *db)
{
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

struct sv_sqlite *sv_sqlite_connect(const char *path, struct sv_err *err)
{
        struct sv_sqlite *s = calloc(1, sizeof(*s));

        if (!s) {
                sv_fail_errno(err, "base.memory", "no memory for the store");
                return NULL;
        }
        if (sqlite3_open_v2(path, &s->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                            NULL) != SQLITE_OK) {
                sv_sqlite_fail(&s->store, "cannot open the database", err);
                sv_sqlite_close(&s->store);
                return NULL;
        }
        refuse_foreign_code(s->db);
        sqlite3_busy_timeout(s->db, BUSY_MS);
        sqlite3_extended_result_codes(s->db, 1);
        return s;
}

void sv_sqlite_close(struct sv_store *store)
{
        struct sv_sqlite *s = (struct sv_sqlite *)store;

        while (s->idle) {
                struct sv_stmt *q = s->idle;

                s->idle = q->next;
                sqlite3_finalize(q->stmt);
                free(q);
        }
        sqlite3_close(s->db);
        free(s);
}

int sv_sqlite_exec(struct sv_store *s, const char *sql, struct sv_err *err)
{
        if (sqlite3_exec(get_db(s), sql, NULL, NULL, NULL) != SQLITE_OK)
                return sv_sqlite_fail(s, "cannot change the database", err);
        return 0;
}

static int run_prepared(struct sv_store *s, const char *sql, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, sql, err, "");

        return sv_sqlite_step(s, q, err);
}

/* Immediate: of two writers at the same moment the second begins after the first has ended. */
static int begin_write(struct sv_store *s, struct sv_err *err)
{
        if (run_prepared(s, "BEGIN IMMEDIATE", err) < 0)
                return -1;
        if (sv_sqlite_check_version(s, err) == 0)
                return 0;
        sqlite3_exec(get_db(s), "ROLLBACK", NULL, NULL, NULL);
        return -1;
}

/* The lock comes first, as wherever both are taken. */
static int open_held(struct sv_store *s, struct sv_held *held, struct sv_err *err)
{
        const char *lock = ((struct sv_sqlite *)s)->place.lock;

        if (lock && (held->lock = sv_serial_lock(lock, err)) < 0) {
                held->lock = 0;
                return -1;
        }
        if (begin_write(s, err) == 0) {
                held->open = true;
                return 0;
        }
        if (held->lock > 0)
                close(held->lock);
        held->lock = 0;
        return -1;
}

int sv_sqlite_begin(struct sv_store *s, struct sv_err *err)
{
        struct sv_held *held = &((struct sv_sqlite *)s)->held;

        if (!held->on)
                return begin_write(s, err);
        if (!held->open && open_held(s, held, err) < 0)
                return -1;
        /* a savepoint alone would be a transaction of its own */
        if (held->broken || sqlite3_get_autocommit(get_db(s)))
                return sv_fail(err, SV_SYSTEM, "broker.store",
                               "the database has taken back what this request changed");
        return run_prepared(s, "SAVEPOINT step", err);
}

int sv_sqlite_end(struct sv_store *s, int rc, struct sv_err *err)
{
        struct sv_held *held = &((struct sv_sqlite *)s)->held;

        if (rc == 0 && run_prepared(s, held->on ? "RELEASE step" : "COMMIT", err) == 0)
                return 0;
        if (sqlite3_exec(get_db(s), held->on ? "ROLLBACK TO step; RELEASE step" : "ROLLBACK", NULL,
                         NULL, NULL) != SQLITE_OK)
                held->broken = held->on;
        return -1;
}

/* A log that was synced is synced up to its end: what is durable makes durable what came before. */
int sv_sqlite_hold(struct sv_store *s, bool durable, struct sv_err *err)
{
        struct sv_sqlite *self = (struct sv_sqlite *)s;

        if (sv_sqlite_settle(s, false, err) < 0)
                return -1;
        if (!sqlite3_get_autocommit(self->db) && sv_sqlite_exec(s, "ROLLBACK", err) < 0)
                return -1;
        if (self->soft == durable) {
                if (sv_sqlite_exec(
                            s, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
                            err) < 0)
                        return -1;
                self->soft = !durable;
        }
        self->held.on = true;
        return 0;
}

int sv_sqlite_reserve(struct sv_store *s, struct sv_err *err)
{
        struct sv_held *held = &((struct sv_sqlite *)s)->held;

        return held->open ? 0 : open_held(s, held, err);
}

static int end_held(struct sv_store *s, const struct sv_held *held, bool keep, struct sv_err *err)
{
        const char *path = ((struct sv_sqlite *)s)->place.serial;

        if (!keep) {
                sqlite3_exec(get_db(s), "ROLLBACK", NULL, NULL, NULL);
                return 0;
        }
        if (held->broken || sqlite3_get_autocommit(get_db(s)))
                return sv_fail(err, SV_SYSTEM, "broker.store",
                               "the database has taken back what this request changed");
        if (run_prepared(s, "COMMIT", err) < 0) {
                sqlite3_exec(get_db(s), "ROLLBACK", NULL, NULL, NULL);
                return -1;
        }
        return held->serial.number ? sv_serial_write(path, &held->serial, err) : 0;
}

int sv_sqlite_settle(struct sv_store *s, bool keep, struct sv_err *err)
{
        struct sv_held held = ((struct sv_sqlite *)s)->held;
        int rc = held.open ? end_held(s, &held, keep, err) : 0;

        ((struct sv_sqlite *)s)->held = (struct sv_held){.on = false};
        if (held.lock > 0)
                close(held.lock);
        return rc;
}

static struct sv_stmt *take_idle(struct sv_sqlite *s, const char *sql)
{
        for (struct sv_stmt **at = &s->idle; *at; at = &(*at)->next) {
                struct sv_stmt *q = *at;

                if (strcmp(sqlite3_sql(q->stmt), sql))
                        continue;
                *at = q->next;
                return q;
        }
        return NULL;
}

static struct sv_stmt *prepare_new(struct sv_sqlite *s, const char *sql, struct sv_err *err)
{
        struct sv_stmt *q = calloc(1, sizeof(*q));

        if (!q) {
                sv_fail_errno(err, "base.memory", "no memory for a statement");
                return NULL;
        }
        q->of = s;
        if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL) ==
            SQLITE_OK)
                return q;
        sv_sqlite_fail(&s->store, "cannot prepare a statement", err);
        free(q);
        return NULL;
}

static int bind_values(sqlite3_stmt *q, const char *types, va_list ap)
{
        int rc = SQLITE_OK;

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
        return rc;
}

struct sv_stmt *sv_sqlite_prepare(struct sv_store *store, const char *sql, struct sv_err *err,
                                  const char *types, ...)
{
        struct sv_sqlite *s = (struct sv_sqlite *)store;
        struct sv_stmt *q = take_idle(s, sql);
        va_list ap;
        int rc;

        if (!q)
                q = prepare_new(s, sql, err);
        if (!q)
                return NULL;
        va_start(ap, types);
        rc = bind_values(q->stmt, types, ap);
        va_end(ap);
        if (rc == SQLITE_OK)
                return q;
        sv_sqlite_fail(store, "cannot bind the values of a statement", err);
        sv_sqlite_finish(&q);
        return NULL;
}

int sv_sqlite_step(struct sv_store *s, struct sv_stmt *q, struct sv_err *err)
{
        int rc;

        if (!q)
                return -1;
        rc = sqlite3_step(q->stmt);
        if (rc == SQLITE_ROW)
                return 1;
        return rc == SQLITE_DONE ? 0 : sv_sqlite_fail(s, "cannot read or write", err);
}

void sv_sqlite_finish(struct sv_stmt **at)
{
        struct sv_stmt *q = *at;

        if (!q)
                return;
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
        q->next = q->of->idle;
        q->of->idle = q;
        *at = NULL;
}

char *sv_sqlite_copy_text(struct sv_stmt *q, int column)
{
        const char *t = (const char *)sqlite3_column_text(q->stmt, column);

        return t ? sv_asprintf("%s", t) : NULL;
}

struct sv_bytes sv_sqlite_bytes(struct sv_stmt *q, int column)
{
        const void *p = sqlite3_column_blob(q->stmt, column);

        return sv_bytes(p, (size_t)sqlite3_column_bytes(q->stmt, column));
}
