/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and their versions. */
#include "base/core/text.h"
#include "broker/store/sqlite.h"

static int fail_none(struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "broker.resource.none",
                       "there is no resource under this path");
}

/* One statement: of two writers at the same moment the second finds the first one's version. */
int sv_sqlite_put_resource(struct sv_store *s, const char *path, int64_t version,
                           struct sv_bytes sealed, int64_t size, int64_t now, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(
                s,
                "INSERT INTO resources (path, version, sealed, size, created) "
                "SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?2 = 1 + "
                "(SELECT coalesce(max(version), 0) FROM resources WHERE path = ?1)",
                err, "sibii", path, version, sealed, size, now);

        if (sv_sqlite_step(s, q, err) < 0)
                return -1;
        if (!sqlite3_changes(((struct sv_sqlite *)s)->db))
                return sv_fail(err, SV_USAGE, "broker.resource.changed",
                               "somebody else changed the resource at the same moment; look at it "
                               "and try again");
        return 0;
}

int sv_sqlite_get_resource(struct sv_store *s, const char *path, int64_t version,
                           struct sv_buf *sealed, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s,
                                       "SELECT sealed FROM resources WHERE path = ? AND "
                                       "version = ?",
                                       err, "si", path, version);
        int rc = sv_sqlite_step(s, q, err);

        if (rc == 0)
                return fail_none(err);
        if (rc < 0)
                return -1;
        sv_buf_put(sealed, sv_sqlite_bytes(q, 0));
        return sv_buf_ok(sealed, "a resource of the store", err);
}

int sv_sqlite_delete_resource(struct sv_store *s, const char *path, int64_t version,
                              struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, "DELETE FROM resources WHERE path = ? AND version = ?",
                                       err, "si", path, version);

        if (sv_sqlite_step(s, q, err) < 0)
                return -1;
        return sqlite3_changes(((struct sv_sqlite *)s)->db) ? 0 : fail_none(err);
}

int sv_sqlite_list_versions(struct sv_store *s, const char *path, struct sv_json *list,
                            struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s,
                                       "SELECT version, size, created FROM resources WHERE "
                                       "path = ? ORDER BY version DESC",
                                       err, "s", path);
        int rc;

        while ((rc = sv_sqlite_step(s, q, err)) == 1) {
                struct sv_json *row = sv_json_add(list, sv_json_object());
                char when[32];

                sv_json_set_int(row, "version", sqlite3_column_int64(q, 0));
                sv_json_set_int(row, "size", sqlite3_column_int64(q, 1));
                sv_json_set_str(row, "created", sv_format_time(sqlite3_column_int64(q, 2), when));
        }
        return rc;
}

/* SQLite takes the other columns of a group from the row that has the maximum. */
int sv_sqlite_list_resources(struct sv_store *s, struct sv_json *list, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(
                s,
                "SELECT path, max(version), count(*), size, created, EXISTS (SELECT 1 FROM "
                "policies p WHERE p.path = r.path) FROM resources r GROUP BY path ORDER BY path",
                err, "");
        int rc;

        while ((rc = sv_sqlite_step(s, q, err)) == 1) {
                struct sv_json *row = sv_json_add(list, sv_json_object());
                char when[32];

                sv_json_set_str(row, "path", (const char *)sqlite3_column_text(q, 0));
                sv_json_set_int(row, "version", sqlite3_column_int64(q, 1));
                sv_json_set_int(row, "versions", sqlite3_column_int64(q, 2));
                sv_json_set_int(row, "size", sqlite3_column_int64(q, 3));
                sv_json_set_str(row, "created", sv_format_time(sqlite3_column_int64(q, 4), when));
                sv_json_set_bool(row, "policy", sqlite3_column_int(q, 5) != 0);
        }
        return rc;
}
