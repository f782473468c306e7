/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite: one file. WAL lets readers go on while one writes; a writer waits for another up to
 * BUSY_MS. */
#include "broker/store/sqlite.h"
#include "broker/store/syncs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/core/file.h"

#define BUSY_MS           10000
#define CHECKPOINT_FRAMES 1000 /* as SQLite's own */

static int exec_sqlite(struct sv_sql *s, const char *sql)
{
        return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static const char *say_why_sqlite(const struct sv_sql *s)
{
        return s->db ? sqlite3_errmsg(s->db) : "no memory";
}

static void close_sqlite(struct sv_sql *s)
{
        sqlite3_close(s->db);
}

static bool is_open_sqlite(const struct sv_sql *s)
{
        return !sqlite3_get_autocommit(s->db);
}

static int set_durable_sqlite(struct sv_sql *s, bool durable)
{
        return exec_sqlite(s, durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

/* The log is a file of SQLite's own, which is open as long as the connection. A new database has
 * none yet (its journal is gone after a commit), and syncs by itself. */
static int sync_sqlite(struct sv_sql *s, bool again)
{
        sqlite3_file *log = NULL;

        if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
            !log)
                return -1;
        if (!log->pMethods)
                return 0;
        if (again && sv_sqlite_write_log_anew(s->db, log) < 0)
                return -1;
        return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) == SQLITE_OK
                       ? 0
                       : -1;
}

/* In place of SQLite's own checkpoint after a commit, which tells nobody that its sync has failed,
 * and would copy into the database what the log may not have. */
static int checkpoint_log(void *context, sqlite3 *db, const char *name, int frames)
{
        struct sv_syncs *syncs = ((struct sv_sql *)context)->place.syncs;
        int rc;

        if (frames < CHECKPOINT_FRAMES || sv_syncs_has_failed(syncs))
                return SQLITE_OK;
        rc = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) & 0xff;
        if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
                sv_syncs_note_failed(syncs);
        return SQLITE_OK;
}

/* --- statements --- */

static int prepare_sqlite(struct sv_sql *s, struct sv_stmt *q)
{
        sqlite3_stmt *made = NULL;

        if (sqlite3_prepare_v3(s->db, q->sql, -1, SQLITE_PREPARE_PERSISTENT, &made, NULL) !=
            SQLITE_OK)
                return -1;
        q->q = made;
        return 0;
}

static int bind_sqlite(struct sv_stmt *q, const struct sv_sql_value *values, int n)
{
        int rc = SQLITE_OK;

        for (int i = 0; i < n && rc == SQLITE_OK; i++) {
                const struct sv_sql_value *v = &values[i];

                if (v->type == SV_SQL_NULL)
                        rc = sqlite3_bind_null(q->q, i + 1);
                else if (v->type == SV_SQL_INTEGER)
                        rc = sqlite3_bind_int64(q->q, i + 1, v->number);
                else if (v->type == SV_SQL_TEXT)
                        rc = sqlite3_bind_text64(q->q, i + 1, (const char *)v->bytes.p, v->bytes.n,
                                                 SQLITE_TRANSIENT, SQLITE_UTF8);
                else
                        rc = sqlite3_bind_blob64(q->q, i + 1, v->bytes.p, v->bytes.n,
                                                 SQLITE_TRANSIENT);
        }
        return rc == SQLITE_OK ? 0 : -1;
}

static int step_sqlite(struct sv_stmt *q)
{
        int rc = sqlite3_step(q->q);

        return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

static void reset_sqlite(struct sv_stmt *q)
{
        sqlite3_reset(q->q);
        sqlite3_clear_bindings(q->q);
}

static void finalize_sqlite(struct sv_stmt *q)
{
        sqlite3_finalize(q->q);
}

static int count_sqlite(const struct sv_stmt *q)
{
        return sqlite3_column_count(q->q);
}

static enum sv_sql_type type_sqlite(const struct sv_stmt *q, int column)
{
        return (enum sv_sql_type)sqlite3_column_type(q->q, column);
}

static int64_t number_sqlite(const struct sv_stmt *q, int column)
{
        return sqlite3_column_int64(q->q, column);
}

static const char *text_sqlite(struct sv_stmt *q, int column)
{
        return (const char *)sqlite3_column_text(q->q, column);
}

static struct sv_bytes bytes_sqlite(struct sv_stmt *q, int column)
{
        const void *p = sqlite3_column_blob(q->q, column);

        return sv_bytes(p, (size_t)sqlite3_column_bytes(q->q, column));
}

static int64_t changes_sqlite(const struct sv_sql *s)
{
        return sqlite3_changes(s->db);
}

/* --- versions and transactions --- */

static int begin_write_sqlite(struct sv_sql *s)
{
        return sv_sql_run(&s->store, "BEGIN IMMEDIATE", NULL);
}

static int begin_read_sqlite(struct sv_sql *s)
{
        return sv_sql_run(&s->store, "BEGIN", NULL);
}

static int read_version_sqlite(struct sv_sql *s, int64_t *version)
{
        SV_STMT *q = sv_sql_prepare(&s->store, "PRAGMA user_version", NULL, "");

        if (sv_sql_step(&s->store, q, NULL) != 1)
                return -1;
        *version = sv_sql_number(q, 0);
        return 0;
}

static int write_version_sqlite(struct sv_sql *s, int64_t version)
{
        SV_STR sql = sv_asprintf("PRAGMA user_version = %lld", (long long)version);

        return exec_sqlite(s, sql);
}

static int check_sqlite(struct sv_store *s, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "PRAGMA integrity_check(1)", err, "");
        const char *text;

        if (sv_sql_step(s, q, err) != 1)
                return -1;
        text = sv_sql_text(q, 0);
        if (text && !strcmp(text, "ok"))
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.damaged", "the database is damaged: %.200s",
                       text ? text : "no answer");
}

static const struct sv_sql_driver sqlite_driver = {
        .close = close_sqlite,
        .why = say_why_sqlite,
        .exec = exec_sqlite,
        .is_open = is_open_sqlite,
        .begin_write = begin_write_sqlite,
        .begin_read = begin_read_sqlite,
        .set_durable = set_durable_sqlite,
        .sync = sync_sqlite,
        .read_version = read_version_sqlite,
        .write_version = write_version_sqlite,
        .check = check_sqlite,
        .steps = sv_sqlite_steps,
        .prepare = prepare_sqlite,
        .bind = bind_sqlite,
        .step = step_sqlite,
        .reset = reset_sqlite,
        .finalize = finalize_sqlite,
        .count = count_sqlite,
        .type = type_sqlite,
        .number = number_sqlite,
        .text = text_sqlite,
        .bytes = bytes_sqlite,
        .changes = changes_sqlite,
};

bool sv_sqlite_is(const struct sv_store *s)
{
        return ((const struct sv_sql *)s)->driver == &sqlite_driver;
}

/* Triggers and views are programs: one that somebody else put into the database would have its way
 * with what this broker writes and then authenticates. */
static void refuse_foreign_code(sqlite3 *db)
{
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

struct sv_sql *sv_sqlite_connect(const char *path, bool make, struct sv_err *err)
{
        struct sv_sql *s = calloc(1, sizeof(*s));
        sqlite3 *db = NULL;

        if (!s) {
                sv_fail_errno(err, "base.memory", "no memory for the store");
                return NULL;
        }
        s->driver = &sqlite_driver;
        if (sqlite3_open_v2(path, &db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                    (make ? SQLITE_OPEN_CREATE : 0),
                            NULL) != SQLITE_OK) {
                s->db = db;
                sv_sql_fail(&s->store, "cannot open the database", err);
                sv_sql_close(&s->store);
                return NULL;
        }
        s->db = db;
        refuse_foreign_code(db);
        sqlite3_busy_timeout(db, BUSY_MS);
        sqlite3_extended_result_codes(db, 1);
        sqlite3_wal_hook(db, checkpoint_log, s);
        return s;
}

/* The versions come first: a newer database is left as it is, not even its journal is changed. */
static int prepare_database(struct sv_store *s, struct sv_err *err)
{
        static const char settings[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                       "PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON;";

        if (sv_sql_update(s, err) < 0)
                return -1;
        return sv_sql_exec(s, settings, err);
}

/* A broker that has had a database makes no other in silence: 1 when there is none and may be one.
 */
static int check_file(const struct sv_store_place *place, struct sv_err *err)
{
        struct sv_serial outside = {.number = 0};
        struct stat st;

        if (stat(place->path, &st) == 0)
                return !(st.st_mode & 077)
                               ? 0
                               : sv_fail(err, SV_SYSTEM, "broker.store.mode",
                                         "%s has the mode %04o: others than its owner can use it; "
                                         "\"chmod 600\" it",
                                         place->path, (unsigned)st.st_mode & 07777);
        if (place->serial && sv_serial_read(place->serial, &outside, err) < 0)
                return -1;
        if (place->key && outside.number <= 0)
                return 1;
        return sv_fail(err, SV_SYSTEM, "broker.store",
                       "the database %s is gone: take a backup back, \"secure-vm-broker "
                       "restore\"",
                       place->path);
}

static int number_file(struct sv_sql *s, struct sv_err *err)
{
        struct stat st;

        if (stat(s->place.path, &st) < 0)
                return sv_fail_errno(err, "broker.store", "cannot look at the database");
        s->number = (uint64_t)st.st_dev << 48 ^ (uint64_t)st.st_ino;
        return 0;
}

struct sv_sql *sv_sqlite_open(const struct sv_store_place *place, struct sv_err *err)
{
        mode_t old = umask(077); /* the file is made on its first use */
        int may_make = check_file(place, err);
        struct sv_sql *s = may_make < 0 ? NULL : sv_sqlite_connect(place->path, may_make == 1, err);
        int rc = -1;

        if (s) {
                s->place = *place;
                rc = number_file(s, err);
                if (rc == 0)
                        rc = prepare_database(&s->store, err);
        }
        umask(old);
        if (rc < 0) {
                if (s)
                        sv_sql_close(&s->store);
                sv_wrap(err, "%s", place->path);
                return NULL;
        }
        return s;
}
