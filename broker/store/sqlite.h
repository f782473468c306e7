/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite as a store: the handle, statements, and the schema's versions. Only the store and its
 * tests see this header; broker/store/store.h has what the functions do. */
#pragma once

#include <sqlite3.h>

#include "broker/store/serial.h"
#include "broker/store/store.h"

struct sv_sqlite {
        struct sv_store store; /* first: a struct sv_store * is one of these */
        sqlite3 *db;
        struct sv_store_place place;
        struct sv_held {
                bool on;
                bool open;               /* a transaction */
                bool broken;             /* a step could not be taken back: none is done */
                int lock;                /* of serial and database, while it is open; 0: none */
                struct sv_serial serial; /* to be written after it; number 0: none */
        } held;
        int64_t version;      /* of the schema, as it was opened; 0: not yet */
        bool soft;            /* a commit does not wait for the disk */
        struct sv_stmt *idle; /* prepared, not in use; as many as there are texts in the code */
};

struct sv_stmt {
        sqlite3_stmt *stmt;
        struct sv_sqlite *of;
        struct sv_stmt *next;
};

int sv_sqlite_open(const struct sv_store_place *place, struct sv_store **out, struct sv_err *err);

/* --- a connection, broker/store/sqlite-query.c --- */

/* Opens the file, or makes an empty one; reads and changes nothing. */
struct sv_sqlite *sv_sqlite_connect(const char *path, struct sv_err *err);
void sv_sqlite_close(struct sv_store *s);
int sv_sqlite_fail(struct sv_store *s, const char *what, struct sv_err *err);
int sv_sqlite_exec(struct sv_store *s, const char *sql, struct sv_err *err);
/* While changes are held they are steps of the one transaction. */
int sv_sqlite_begin(struct sv_store *s, struct sv_err *err);
/* Commits when rc is 0, else (or when that fails) rolls back; returns 0 or -1. */
int sv_sqlite_end(struct sv_store *s, int rc, struct sv_err *err);
/* Prepares, or takes what is idle with this text, and binds: 's' const char * (NULL binds null),
 * 'b' struct sv_bytes, 'i' int64_t. NULL fills *err. */
struct sv_stmt *sv_sqlite_prepare(struct sv_store *s, const char *sql, struct sv_err *err,
                                  const char *types, ...);
/* 1 a row, 0 no more rows, -1. q may be NULL: its preparation has failed and filled *err. */
int sv_sqlite_step(struct sv_store *s, struct sv_stmt *q, struct sv_err *err);
/* Resets it and keeps it for the next who asks for the same. */
void sv_sqlite_finish(struct sv_stmt **q);
#define SV_STMT __attribute__((cleanup(sv_sqlite_finish))) struct sv_stmt
/* A copy; NULL for null. The caller frees. */
char *sv_sqlite_copy_text(struct sv_stmt *q, int column);
/* Valid until the next step. */
struct sv_bytes sv_sqlite_bytes(struct sv_stmt *q, int column);

int sv_sqlite_hold(struct sv_store *s, bool durable, struct sv_err *err);
int sv_sqlite_reserve(struct sv_store *s, struct sv_err *err);
int sv_sqlite_settle(struct sv_store *s, bool keep, struct sv_err *err);

/* --- the whole, broker/store/sqlite-copy.c --- */

int sv_sqlite_copy(struct sv_store *from, const char *path, struct sv_err *err);
int sv_sqlite_verify(struct sv_store *s, struct sv_err *err);
int sv_sqlite_check(struct sv_store *s, struct sv_err *err);
int sv_sqlite_renew(struct sv_store *s, int64_t above, struct sv_serial *out, struct sv_err *err);

/* --- versions, broker/store/sqlite-schema.c --- */

/* From version i to i + 1: `sql` first, then `fill` (NULL: nothing to fill). */
struct sv_sqlite_step {
        const char *sql;
        int (*fill)(struct sv_store *s, struct sv_err *err);
};
/* Brings the database from the version that it has to version n, all steps in one transaction: a
 * process that dies on the way leaves what was there. A database without a version (made before
 * there were versions, or new) has version 0. */
int sv_sqlite_migrate(struct sv_store *s, const struct sv_sqlite_step *steps, int n,
                      struct sv_err *err);
/* In a transaction: the database still has the version with which it was opened. A newer broker may
 * have gone on with it while this one runs, and knows of rows what this one would not write. */
int sv_sqlite_check_version(struct sv_store *s, struct sv_err *err);
/* To the version of this program. */
int sv_sqlite_update(struct sv_store *s, struct sv_err *err);
/* Has its version MACs? */
int sv_sqlite_is_authenticated(struct sv_store *s, bool *out, struct sv_err *err);

/* --- tables --- */

int sv_sqlite_check_nonce(struct sv_store *s, const char *id, int64_t expires, struct sv_err *err);
int sv_sqlite_put_session(struct sv_store *s, const char *id, const struct sv_session *session,
                          int64_t now, const struct sv_session_limits *max, struct sv_err *err);
int sv_sqlite_get_session(struct sv_store *s, const char *id, int64_t now, struct sv_session *out,
                          struct sv_err *err);
int sv_sqlite_put_release(struct sv_store *s, const char *id, const char *path, struct sv_err *err);
int sv_sqlite_end_session(struct sv_store *s, const char *id, const char *path, struct sv_err *err);
int sv_sqlite_take_token(struct sv_store *s, const char *id, int64_t expires, int64_t now,
                         struct sv_err *err);
int sv_sqlite_forget_once(struct sv_store *s, int64_t sessions, int64_t tokens, struct sv_err *err);

int sv_sqlite_put_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                        int64_t strangers, struct sv_audit_link *out, struct sv_err *err);
int sv_sqlite_get_newest_audit(struct sv_store *s, struct sv_audit_link *out, int64_t *time,
                               struct sv_err *err);
int sv_sqlite_list_audit(struct sv_store *s, int64_t after, int64_t max, struct sv_json *list,
                         struct sv_err *err);
int sv_sqlite_check_audit(struct sv_store *s, const struct sv_audit_link *known,
                          struct sv_audit_chain *out, struct sv_err *err);

int sv_sqlite_put_resource(struct sv_store *s, const char *path, int64_t version,
                           struct sv_bytes sealed, int64_t size, int64_t now, struct sv_err *err);
int sv_sqlite_get_resource(struct sv_store *s, const char *path, int64_t version,
                           struct sv_buf *sealed, struct sv_err *err);
int sv_sqlite_delete_resource(struct sv_store *s, const char *path, int64_t version,
                              struct sv_err *err);
int sv_sqlite_list_versions(struct sv_store *s, const char *path, struct sv_json *list,
                            struct sv_err *err);
int sv_sqlite_list_resources(struct sv_store *s, struct sv_json *list, struct sv_err *err);

int sv_sqlite_get_disk(struct sv_store *s, const char *path, const char *volume,
                       struct sv_disk_floor *out, struct sv_err *err);
int sv_sqlite_raise_disk(struct sv_store *s, const char *path, const char *volume,
                         int64_t generation, int64_t now, struct sv_err *err);
int sv_sqlite_restore_disk(struct sv_store *s, const char *path, const char *volume,
                           int64_t generation, int64_t now, struct sv_err *err);

int sv_sqlite_get_lease(struct sv_store *s, const char *path, const char *volume,
                        struct sv_lease *out, struct sv_err *err);
int sv_sqlite_take_lease(struct sv_store *s, const char *path, const char *volume,
                         const struct sv_lease *wants, bool opens, struct sv_lease *before,
                         struct sv_err *err);
int sv_sqlite_end_lease(struct sv_store *s, const char *path, const char *volume, int64_t now,
                        struct sv_err *err);

int sv_sqlite_put_accepted(struct sv_store *s, const char *path, const struct sv_accepted *what,
                           struct sv_err *err);
int sv_sqlite_each_accepted(struct sv_store *s, const char *path,
                            int (*each)(const struct sv_accepted *what, void *arg,
                                        struct sv_err *err),
                            void *arg, struct sv_err *err);

int sv_sqlite_put_policy(struct sv_store *s, const char *path, const struct sv_policy_put *put,
                         struct sv_err *err);
int sv_sqlite_get_policy(struct sv_store *s, const char *path, struct sv_buf *text,
                         struct sv_err *err);
int sv_sqlite_delete_policy(struct sv_store *s, const char *path, const char *author, int64_t now,
                            struct sv_err *err);
int sv_sqlite_list_policy_versions(struct sv_store *s, const char *path, struct sv_json *list,
                                   struct sv_err *err);
int sv_sqlite_get_policy_version(struct sv_store *s, const char *path, int64_t version,
                                 struct sv_buf *text, struct sv_err *err);
int sv_sqlite_list_policies(struct sv_store *s, struct sv_json *list, struct sv_err *err);
