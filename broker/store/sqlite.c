/* SPDX-License-Identifier: Apache-2.0 */
/* The row of functions, and the audit. */
#include "broker/store/sqlite.h"

#include <sys/stat.h>

static int insert_record(struct sv_store *s, int64_t now, const struct sv_json *record,
                         bool stranger, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_STMT *q = NULL;

        sv_json_print(record, &text);
        if (sv_buf_ok(&text, "the audit record", err) < 0)
                return -1;
        q = sv_sqlite_prepare(s, "INSERT INTO audit (time, record, stranger) VALUES (?, ?, ?)", err,
                              "isi", now, sv_buf_str(&text), (int64_t)stranger);
        return sv_sqlite_step(s, q, err);
}

/* One more, and those go that are too many: now and then, since to find them all that are kept are
 * counted. */
static int insert_stranger(struct sv_store *s, int64_t now, const struct sv_json *record,
                           int64_t max, struct sv_err *err)
{
        SV_STMT *q = NULL;

        if (insert_record(s, now, record, true, err) < 0)
                return -1;
        if (sqlite3_last_insert_rowid(((struct sv_sqlite *)s)->db) % (max / 64 + 1))
                return 0;
        q = sv_sqlite_prepare(s,
                              "DELETE FROM audit WHERE stranger AND id <= (SELECT id FROM audit "
                              "WHERE stranger ORDER BY id DESC LIMIT 1 OFFSET ?)",
                              err, "i", max);
        return sv_sqlite_step(s, q, err);
}

static int insert_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                        int64_t strangers, struct sv_err *err)
{
        if (sv_sqlite_begin(s, err) < 0)
                return -1;
        return sv_sqlite_end(s,
                             strangers ? insert_stranger(s, now, record, strangers, err)
                                       : insert_record(s, now, record, false, err),
                             err);
}

static int list_audit(struct sv_store *s, int64_t after, int64_t max, struct sv_json *list,
                      struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(
                s, "SELECT id, record FROM audit WHERE id > ? ORDER BY id LIMIT ?", err, "ii",
                after, max);
        int rc;

        while ((rc = sv_sqlite_step(s, q, err)) == 1) {
                struct sv_json *record = NULL;

                if (sv_json_parse(sv_bytes_str((const char *)sqlite3_column_text(q->stmt, 1)),
                                  "broker.audit", &record, err) < 0)
                        return -1;
                sv_json_set_int(record, "id", sqlite3_column_int64(q->stmt, 0));
                sv_json_add(list, record);
        }
        return rc;
}

static int leave_wal(struct sv_store *s, struct sv_err *err)
{
        return sv_sqlite_exec(s, "PRAGMA journal_mode=DELETE", err);
}

static const struct sv_store_ops sqlite_ops = {
        .close = sv_sqlite_close,
        .check_nonce = sv_sqlite_check_nonce,
        .put_session = sv_sqlite_put_session,
        .get_session = sv_sqlite_get_session,
        .put_release = sv_sqlite_put_release,
        .end_session = sv_sqlite_end_session,
        .take_token = sv_sqlite_take_token,
        .forget_once = sv_sqlite_forget_once,
        .put_resource = sv_sqlite_put_resource,
        .get_resource = sv_sqlite_get_resource,
        .delete_resource = sv_sqlite_delete_resource,
        .list_versions = sv_sqlite_list_versions,
        .list_resources = sv_sqlite_list_resources,
        .get_disk = sv_sqlite_get_disk,
        .raise_disk = sv_sqlite_raise_disk,
        .restore_disk = sv_sqlite_restore_disk,
        .get_lease = sv_sqlite_get_lease,
        .take_lease = sv_sqlite_take_lease,
        .end_lease = sv_sqlite_end_lease,
        .put_policy = sv_sqlite_put_policy,
        .get_policy = sv_sqlite_get_policy,
        .delete_policy = sv_sqlite_delete_policy,
        .list_policy_versions = sv_sqlite_list_policy_versions,
        .get_policy_version = sv_sqlite_get_policy_version,
        .list_policies = sv_sqlite_list_policies,
        .copy = sv_sqlite_copy,
        .detach = leave_wal,
        .verify = sv_sqlite_verify,
        .check = sv_sqlite_check,
        .renew = sv_sqlite_renew,
        .hold = sv_sqlite_hold,
        .settle = sv_sqlite_settle,
        .put_audit = insert_audit,
        .list_audit = list_audit,
};

/* The versions come first: a newer database is left as it is, not even its journal is changed. */
static int prepare_database(struct sv_store *s, struct sv_err *err)
{
        static const char settings[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                       "PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON;";

        if (sv_sqlite_update(s, err) < 0)
                return -1;
        return sv_sqlite_exec(s, settings, err);
}

/* A broker that has had a database makes no other in silence. */
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
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store",
                       "the database %s is gone: take a backup back, \"secure-vm-broker "
                       "restore\"",
                       place->path);
}

int sv_sqlite_open(const struct sv_store_place *place, struct sv_store **out, struct sv_err *err)
{
        mode_t old = umask(077); /* the file is made on its first use */
        struct sv_sqlite *s =
                check_file(place, err) < 0 ? NULL : sv_sqlite_connect(place->path, err);
        int rc = -1;

        if (s) {
                s->place = *place;
                rc = prepare_database(&s->store, err);
        }
        umask(old);
        if (rc < 0) {
                if (s)
                        sv_sqlite_close(&s->store);
                return sv_wrap(err, "%s", place->path);
        }
        s->store.ops = &sqlite_ops;
        *out = &s->store;
        return 0;
}
