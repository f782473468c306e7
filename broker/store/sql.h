/* SPDX-License-Identifier: Apache-2.0 */
/* A database that speaks SQL as a store: the handle, statements, transactions and the schema's
 * versions. What is different from one database to another is a driver (SQLite:
 * broker/store/sqlite.c, PostgreSQL: broker/store/postgres.c); statements are of the SQL that all
 * of them understand. Only the store and its tests see this header; broker/store/store.h has what
 * the functions do. */
#pragma once

#include <stdarg.h>

#include "broker/store/serial.h"
#include "broker/store/store.h"

struct sv_sql;
struct sv_stmt;

/* What a column holds. The numbers are SQLite's, and stand in MACs. */
enum sv_sql_type { SV_SQL_INTEGER = 1, SV_SQL_TEXT = 3, SV_SQL_BLOB = 4, SV_SQL_NULL = 5 };

struct sv_sql_value {
        enum sv_sql_type type;
        int64_t number;
        struct sv_bytes bytes; /* of a text too; borrowed */
};
#define SV_SQL_VALUES_MAX 8   /* of one statement */
#define SV_SQL_PAGE       500 /* rows that are read at a time, where there may be any number */

/* From version i to i + 1: `sql` first, then `fill` (NULL: nothing to fill). */
struct sv_sql_step {
        const char *sql;
        int (*fill)(struct sv_store *s, struct sv_err *err);
        /* To the version before, for a program of that one; NULL: there is no way back. What the
         * step made room for is in this table, which must be empty: nothing is lost. */
        const char *back, *holds;
};

/* Functions return 0 or more when they did it, else -1, and `why` then says what was wrong. */
struct sv_sql_driver {
        void (*close)(struct sv_sql *s); /* the connection; statements are gone already */
        const char *(*why)(const struct sv_sql *s);
        /* One statement or several, without values and without rows. */
        int (*exec)(struct sv_sql *s, const char *sql);
        bool (*is_open)(const struct sv_sql *s); /* a transaction */
        /* Of two that write the second begins after the first has ended, in whichever process. */
        int (*begin_write)(struct sv_sql *s);
        int (*begin_read)(struct sv_sql *s); /* what is read is of one moment */
        int (*set_durable)(struct sv_sql *s, bool durable);
        /* What was committed and not synced is, when this returns. NULL: a commit that is durable
         * syncs by itself, and with others. `again`: also what a sync before it has failed to
         * write, whoever has asked for that. No transaction is open. */
        int (*sync)(struct sv_sql *s, bool again);
        /* For a connection that was lost: makes it again. NULL: none can be lost. */
        int (*renew)(struct sv_sql *s);
        /* The connection is gone: whether the last statement was done is not known. NULL: as
         * above. */
        bool (*is_gone)(const struct sv_sql *s);
        int (*read_version)(struct sv_sql *s, int64_t *version);
        int (*write_version)(struct sv_sql *s, int64_t version);
        const struct sv_sql_step *steps; /* ends with a row of NULL */
        /* Whether it is damaged, as far as the database itself can tell; NULL: it cannot. */
        int (*check)(struct sv_store *s, struct sv_err *err);
        /* What it says may take longer than a guest would wait. NULL: it may anyway. */
        int (*be_patient)(struct sv_sql *s);
        /* In seconds since 1970. NULL: it is this machine's. */
        int (*read_clock)(struct sv_sql *s, int64_t *now);
        /* What is selected comes at once as a whole: a cursor gives a part. */
        bool has_cursors;
        /* After rows were put that have numbers already: later ones get higher ones. NULL: they do
         * anyway. */
        const char *after_copy;

        int (*prepare)(struct sv_sql *s, struct sv_stmt *q);
        int (*bind)(struct sv_stmt *q, const struct sv_sql_value *values, int n);
        int (*step)(struct sv_stmt *q); /* 1 a row, 0 no more rows */
        void (*reset)(struct sv_stmt *q);
        void (*finalize)(struct sv_stmt *q);
        int (*count)(const struct sv_stmt *q); /* columns */
        enum sv_sql_type (*type)(const struct sv_stmt *q, int column);
        int64_t (*number)(const struct sv_stmt *q, int column);
        /* Also of a number, in decimal; NULL for null. */
        const char *(*text)(struct sv_stmt *q, int column);
        struct sv_bytes (*bytes)(struct sv_stmt *q, int column);
        int64_t (*changes)(const struct sv_sql *s); /* rows, of the last statement */
};

struct sv_sql {
        struct sv_store store; /* first: a struct sv_store * is one of these */
        const struct sv_sql_driver *driver;
        void *db; /* the driver's connection */
        struct sv_store_place place;
        struct sv_held {
                bool on;
                bool open;               /* a transaction */
                bool broken;             /* a step could not be taken back: none is done */
                bool durable;            /* the commit is to be on the disk */
                int lock;                /* of serial and database, while it is open; 0: none */
                struct sv_serial serial; /* to be written after it; number 0: none */
        } held;
        uint64_t number;            /* of the database's file, for syncs */
        int64_t owed;               /* a commit that no sync was waited for; 0: none */
        int64_t owed_ms;            /* since when, of the monotonic clock */
        struct sv_seen_state *seen; /* whose MAC held last (sql-state.c); NULL: none */
        int64_t version;            /* of the schema, as it was opened; 0: not yet */
        bool soft;                  /* a commit does not wait for the disk */
        struct sv_stmt *idle; /* prepared, not in use; as many as there are texts in the code */
};

struct sv_stmt {
        void *q; /* the driver's */
        char *sql;
        struct sv_sql *of;
        struct sv_stmt *next;
};

/* --- a connection, broker/store/sql-query.c --- */

void sv_sql_close(struct sv_store *s);
int sv_sql_fail(struct sv_store *s, const char *what, struct sv_err *err);
int sv_sql_exec(struct sv_store *s, const char *sql, struct sv_err *err);
/* The same, prepared once: for what comes with every request. */
int sv_sql_run(struct sv_store *s, const char *sql, struct sv_err *err);
/* Of the schema; 0: there is none. */
int sv_sql_read_version(struct sv_store *s, int64_t *version, struct sv_err *err);
/* What is read until its end is of one moment. */
int sv_sql_begin_read(struct sv_store *s, struct sv_err *err);
/* While changes are held they are steps of the one transaction. */
int sv_sql_begin(struct sv_store *s, struct sv_err *err);
/* Commits when rc is 0, else (or when that fails) rolls back; returns 0 or -1. */
int sv_sql_end(struct sv_store *s, int rc, struct sv_err *err);
/* Prepares, or takes what is idle with this text, and binds: 's' const char * (NULL binds null),
 * 'b' struct sv_bytes, 'i' int64_t. NULL fills *err. */
struct sv_stmt *sv_sql_prepare(struct sv_store *s, const char *sql, struct sv_err *err,
                               const char *types, ...);
struct sv_stmt *sv_sql_prepare_values(struct sv_store *s, const char *sql, struct sv_err *err,
                                      const struct sv_sql_value *values, int n);
/* 1 a row, 0 no more rows, -1. q may be NULL: its preparation has failed and filled *err. */
int sv_sql_step(struct sv_store *s, struct sv_stmt *q, struct sv_err *err);
/* Resets it and keeps it for the next who asks for the same. */
void sv_sql_finish(struct sv_stmt **q);
#define SV_STMT __attribute__((cleanup(sv_sql_finish))) struct sv_stmt
int sv_sql_count(const struct sv_stmt *q);
enum sv_sql_type sv_sql_column_type(const struct sv_stmt *q, int column);
bool sv_sql_is_null(const struct sv_stmt *q, int column);
int64_t sv_sql_number(const struct sv_stmt *q, int column);
/* Both valid until the next step. */
const char *sv_sql_text(struct sv_stmt *q, int column);
struct sv_bytes sv_sql_bytes(struct sv_stmt *q, int column);
/* A copy; NULL for null. The caller frees. */
char *sv_sql_copy_text(struct sv_stmt *q, int column);
/* Rows that the last statement changed. */
int64_t sv_sql_changes(struct sv_store *s);
/* 's', 'b', 'i' as above into values; returns how many. */
int sv_sql_take_values(const char *types, va_list ap, struct sv_sql_value *values);

int sv_sql_reconnect(struct sv_store *s, struct sv_err *err);
int sv_sql_hold(struct sv_store *s, bool durable, struct sv_err *err);
int sv_sql_sync(struct sv_store *s, struct sv_err *err);
int64_t sv_sql_owes_sync(struct sv_store *s);
int sv_sql_reserve(struct sv_store *s, struct sv_err *err);
int sv_sql_settle(struct sv_store *s, bool keep, struct sv_err *err);

/* --- the drivers --- */

/* Opens the file, or makes an empty one where it may; reads and changes nothing. */
struct sv_sql *sv_sqlite_connect(const char *path, bool make, struct sv_err *err);
struct sv_sql *sv_sqlite_open(const struct sv_store_place *place, struct sv_err *err);
/* "postgresql://…" */
bool sv_postgres_is(const char *path);
/* Can it be used as one? SV_USAGE "broker.config.database"; nothing is asked of the server. */
int sv_postgres_check(const char *uri, struct sv_err *err);
struct sv_sql *sv_postgres_connect(const char *uri, struct sv_err *err);
struct sv_sql *sv_postgres_open(const struct sv_store_place *place, struct sv_err *err);
bool sv_sqlite_is(const struct sv_store *s);
/* SQLite's online backup: into a file that others may use. */
int sv_sqlite_copy(struct sv_store *from, const char *path, struct sv_err *err);
/* The row of functions that all of them have. */
extern const struct sv_store_ops sv_sql_ops;

/* --- the whole, broker/store/sql-copy.c --- */

int sv_sql_check_clock(struct sv_store *s, int64_t now, struct sv_err *err);
int sv_sql_detach(struct sv_store *s, struct sv_err *err);
int sv_sql_copy(struct sv_store *from, const char *path, struct sv_err *err);
int sv_sql_replace(struct sv_store *from, const char *path, sv_store_check *check, void *context,
                   struct sv_err *err);
int sv_sql_verify(struct sv_store *s, struct sv_err *err);
int sv_sql_check(struct sv_store *s, struct sv_err *err);
int sv_sql_get_number(struct sv_store *s, int64_t *out, struct sv_err *err);
int sv_sql_renew(struct sv_store *s, int64_t above, struct sv_serial *out, struct sv_err *err);

/* --- versions, broker/store/sql-schema.c --- */

/* Brings the database from the version that it has to version n, all steps in one transaction: a
 * process that dies on the way leaves what was there. A database without a version (made before
 * there were versions, or new) has version 0. */
int sv_sql_migrate(struct sv_store *s, const struct sv_sql_step *steps, int n, struct sv_err *err);
/* Fill of a step: what a database from before there were MACs has, is taken as it is. */
int sv_sql_fill_macs(struct sv_store *s, struct sv_err *err);
/* sv_store_ops */
int sv_sql_show_version(struct sv_store *s, struct sv_store_version *out, struct sv_err *err);
int sv_sql_go_back(struct sv_store *s, int64_t to, struct sv_err *err);
/* To the version of this program. */
int sv_sql_update(struct sv_store *s, struct sv_err *err);
/* In a transaction: those of this program's version, with nothing in them, where there are none. */
int sv_sql_make_tables(struct sv_store *s, struct sv_err *err);
/* Has its version MACs? */
int sv_sql_is_authenticated(struct sv_store *s, bool *out, struct sv_err *err);

/* --- tables --- */

int sv_sql_check_nonce(struct sv_store *s, const char *id, int64_t expires, struct sv_err *err);
int sv_sql_put_session(struct sv_store *s, const char *id, const struct sv_session *session,
                       int64_t now, const struct sv_session_limits *max, struct sv_err *err);
int sv_sql_find_session_end(struct sv_store *s, uint64_t source, int64_t *out, struct sv_err *err);
int sv_sql_get_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                       struct sv_err *err);
int sv_sql_put_release(struct sv_store *s, const char *id, const char *path, struct sv_err *err);
int sv_sql_end_session(struct sv_store *s, const char *id, const char *path, struct sv_err *err);
int sv_sql_take_token(struct sv_store *s, const char *id, int64_t expires, int64_t now,
                      struct sv_err *err);
int sv_sql_forget_once(struct sv_store *s, int64_t sessions, int64_t tokens, struct sv_err *err);

int sv_sql_put_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                     int64_t strangers, struct sv_audit_link *out, struct sv_err *err);
int sv_sql_get_newest_audit(struct sv_store *s, struct sv_audit_link *out, int64_t *time,
                            struct sv_err *err);
int sv_sql_walk_audit(struct sv_store *s, int64_t after, int64_t through,
                      int (*each)(void *context, const struct sv_audit_row *row,
                                  struct sv_err *err),
                      void *context, struct sv_err *err);
int sv_sql_cut_audit(struct sv_store *s, const struct sv_audit_link *at, const char *text,
                     int64_t *removed, struct sv_err *err);
int sv_sql_list_audit(struct sv_store *s, int64_t after, int64_t max, struct sv_json *list,
                      struct sv_err *err);
int sv_sql_check_audit(struct sv_store *s, const struct sv_audit_link *known,
                       struct sv_audit_chain *out, struct sv_err *err);

int sv_sql_put_resource(struct sv_store *s, const char *path, int64_t version,
                        struct sv_bytes sealed, int64_t size, int64_t now, struct sv_err *err);
int sv_sql_get_resource(struct sv_store *s, const char *path, int64_t version,
                        struct sv_buf *sealed, struct sv_err *err);
int sv_sql_delete_resource(struct sv_store *s, const char *path, int64_t version,
                           struct sv_err *err);
int sv_sql_list_versions(struct sv_store *s, const char *path, struct sv_json *list,
                         struct sv_err *err);
int sv_sql_list_resources(struct sv_store *s, const struct sv_list_query *query,
                          struct sv_json *list, struct sv_err *err);

int sv_sql_get_settings(struct sv_store *s, const char *path, struct sv_settings *out,
                        struct sv_err *err);
int sv_sql_put_settings(struct sv_store *s, const char *path, const struct sv_settings *in,
                        struct sv_err *err);
int sv_sql_count_release(struct sv_store *s, const char *path, const uint8_t taker[SV_TAKER_SIZE],
                         struct sv_settings *out, struct sv_err *err);

int sv_sql_get_disk(struct sv_store *s, const char *path, const char *volume,
                    struct sv_disk_floor *out, struct sv_err *err);
int sv_sql_raise_disk(struct sv_store *s, const char *path, const char *volume, int64_t generation,
                      int64_t now, struct sv_err *err);
int sv_sql_restore_disk(struct sv_store *s, const char *path, const char *volume,
                        int64_t generation, int64_t now, struct sv_err *err);

int sv_sql_get_lease(struct sv_store *s, const char *path, const char *volume, struct sv_lease *out,
                     struct sv_err *err);
int sv_sql_take_lease(struct sv_store *s, const char *path, const char *volume,
                      const struct sv_lease *wants, bool opens, struct sv_lease *before,
                      struct sv_err *err);
int sv_sql_end_lease(struct sv_store *s, const char *path, const char *volume, int64_t now,
                     struct sv_err *err);

int sv_sql_put_accepted(struct sv_store *s, const char *path, const struct sv_accepted *what,
                        struct sv_err *err);
int sv_sql_each_accepted(struct sv_store *s, const char *path,
                         int (*each)(const struct sv_accepted *what, void *arg, struct sv_err *err),
                         void *arg, struct sv_err *err);

int sv_sql_put_reference(struct sv_store *s, const char *name, struct sv_bytes text,
                         int64_t generation, int64_t now, struct sv_err *err);
int sv_sql_get_reference(struct sv_store *s, const char *name, struct sv_buf *text,
                         struct sv_err *err);
int sv_sql_delete_reference(struct sv_store *s, const char *name, int64_t now, struct sv_err *err);
int sv_sql_list_references(struct sv_store *s, bool removed, struct sv_json *list,
                           struct sv_err *err);

int sv_sql_put_pending(struct sv_store *s, const struct sv_pending *p, int64_t now,
                       struct sv_err *err);
int sv_sql_get_pending(struct sv_store *s, const char *id, int64_t now, struct sv_pending *out,
                       struct sv_err *err);
int sv_sql_delete_pending(struct sv_store *s, const char *id, struct sv_err *err);
int sv_sql_list_pending(struct sv_store *s, int64_t now, struct sv_json *list, struct sv_err *err);

int sv_sql_put_policy(struct sv_store *s, const char *path, const struct sv_policy_put *put,
                      struct sv_err *err);
int sv_sql_get_policy(struct sv_store *s, const char *path, struct sv_buf *text,
                      struct sv_err *err);
int sv_sql_delete_policy(struct sv_store *s, const char *path, const char *author, int64_t now,
                         struct sv_err *err);
int sv_sql_list_policy_versions(struct sv_store *s, const char *path, struct sv_json *list,
                                struct sv_err *err);
int sv_sql_get_policy_version(struct sv_store *s, const char *path, int64_t version,
                              struct sv_buf *text, struct sv_err *err);
int sv_sql_list_policies(struct sv_store *s, struct sv_json *list, struct sv_err *err);
