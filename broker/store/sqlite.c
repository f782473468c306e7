/* SPDX-License-Identifier: Apache-2.0 */
/* The row of functions, and the tables that need little: resources and audit. */
#include "broker/store/sqlite.h"

#include <sys/stat.h>

#include "base/core/text.h"

static int insert_resource(struct sv_store *s, const char *path, struct sv_bytes sealed,
                           int64_t size, int64_t now, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(
                s,
                "INSERT OR REPLACE INTO resources (path, sealed, size, created) VALUES "
                "(?, ?, ?, ?)",
                err, "sbii", path, sealed, size, now);

        return sv_sqlite_step(s, q, err);
}

static int read_resource(struct sv_store *s, const char *path, struct sv_buf *sealed,
                         struct sv_err *err)
{
        SV_STMT *q =
                sv_sqlite_prepare(s, "SELECT sealed FROM resources WHERE path = ?", err, "s", path);
        int rc = sv_sqlite_step(s, q, err);

        if (rc == 0)
                return sv_fail(err, SV_USAGE, "broker.resource.none",
                               "there is no resource under this path");
        if (rc < 0)
                return -1;
        sv_buf_put(sealed, sv_sqlite_bytes(q, 0));
        return sv_buf_ok(sealed, "a resource of the store", err);
}

static int remove_resource(struct sv_store *s, const char *path, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, "DELETE FROM resources WHERE path = ?", err, "s", path);

        if (sv_sqlite_step(s, q, err) < 0)
                return -1;
        if (!sqlite3_changes(((struct sv_sqlite *)s)->db))
                return sv_fail(err, SV_USAGE, "broker.resource.none",
                               "there is no resource under this path");
        return 0;
}

static int list_resources(struct sv_store *s, struct sv_json *list, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(
                s,
                "SELECT path, size, created, EXISTS (SELECT 1 FROM policies p WHERE "
                "p.path = r.path) FROM resources r ORDER BY path",
                err, "");
        int rc;

        while ((rc = sv_sqlite_step(s, q, err)) == 1) {
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

static int insert_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                        struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_STMT *q = NULL;

        sv_json_print(record, &text);
        if (sv_buf_ok(&text, "the audit record", err) < 0)
                return -1;
        q = sv_sqlite_prepare(s, "INSERT INTO audit (time, record) VALUES (?, ?)", err, "is", now,
                              sv_buf_str(&text));
        return sv_sqlite_step(s, q, err);
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

                if (sv_json_parse(sv_bytes_str((const char *)sqlite3_column_text(q, 1)),
                                  "broker.audit", &record, err) < 0)
                        return -1;
                sv_json_set_int(record, "id", sqlite3_column_int64(q, 0));
                sv_json_add(list, record);
        }
        return rc;
}

static const struct sv_store_ops sqlite_ops = {
        .close = sv_sqlite_close,
        .put_session = sv_sqlite_put_session,
        .get_session = sv_sqlite_get_session,
        .use_session = sv_sqlite_use_session,
        .set_token = sv_sqlite_set_token,
        .end_session = sv_sqlite_end_session,
        .put_resource = insert_resource,
        .get_resource = read_resource,
        .delete_resource = remove_resource,
        .list_resources = list_resources,
        .put_policy = sv_sqlite_put_policy,
        .get_policy = sv_sqlite_get_policy,
        .delete_policy = sv_sqlite_delete_policy,
        .get_anchors = sv_sqlite_get_anchors,
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

int sv_sqlite_open(const char *path, sv_read_anchors *read, struct sv_store **out,
                   struct sv_err *err)
{
        mode_t old = umask(077); /* the file is made on its first use */
        struct sv_sqlite *s = sv_sqlite_connect(path, err);
        int rc = -1;

        if (s) {
                s->read = read;
                rc = prepare_database(&s->store, err);
        }
        umask(old);
        if (rc < 0) {
                if (s)
                        sv_sqlite_close(&s->store);
                return sv_wrap(err, "%s", path);
        }
        s->store.ops = &sqlite_ops;
        *out = &s->store;
        return 0;
}
