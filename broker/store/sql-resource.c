/* SPDX-License-Identifier: Apache-2.0 */
/* Resources and their versions. */
#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/store/sql-settings.h"

static int fail_none(struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "broker.resource.none",
                       "there is no resource under this path");
}

/* Of two writers at the same moment the second finds the first one's version. */
static int insert_version(struct sv_store *s, struct sv_macs *m, const char *path, int64_t version,
                          struct sv_bytes sealed, int64_t size, int64_t now, struct sv_err *err)
{
        SV_STMT *newest =
                sv_sql_prepare(s, "SELECT coalesce(max(version), 0) FROM resources WHERE path = ?",
                               err, "s", path);
        SV_STMT *q = NULL;
        char name[SV_VERSION_NAME];

        if (sv_sql_step(s, newest, err) != 1)
                return -1;
        if (version != 1 + sv_sql_number(newest, 0))
                return sv_fail(err, SV_USAGE, "broker.resource.changed",
                               "somebody else changed the resource at the same moment; look at it "
                               "and try again");
        q = sv_sql_prepare(s,
                           "INSERT INTO resources (path, version, sealed, size, created) VALUES "
                           "(?, ?, ?, ?, ?)",
                           err, "sibii", path, version, sealed, size, now);
        if (sv_sql_step(s, q, err) < 0)
                return -1;
        return sv_macs_put_row(s, m, SV_ROW_VERSION, path, sv_version_name(version, name), err,
                               "bii", sealed, size, now);
}

int sv_sql_put_resource(struct sv_store *s, const char *path, int64_t version,
                        struct sv_bytes sealed, int64_t size, int64_t now, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(
                s, &m, insert_version(s, &m, path, version, sealed, size, now, err), err);
}

static int read_version_row(struct sv_store *s, struct sv_macs *m, const char *path,
                            int64_t version, struct sv_buf *sealed, struct sv_err *err)
{
        SV_STMT *q = NULL;
        char name[SV_VERSION_NAME];
        int rc = sv_macs_get_row(s, m, SV_ROW_VERSION, path, sv_version_name(version, name), &q,
                                 err);

        if (rc == 0)
                return fail_none(err);
        if (rc < 0)
                return -1;
        sv_buf_put(sealed, sv_sql_bytes(q, 0));
        return sv_buf_ok(sealed, "a resource of the store", err);
}

int sv_sql_get_resource(struct sv_store *s, const char *path, int64_t version,
                        struct sv_buf *sealed, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_version_row(s, &m, path, version, sealed, err));
}

/* The generations of its disks, its settings, and who was given it, go with the last one. */
static int remove_version(struct sv_store *s, struct sv_macs *m, const char *path, int64_t version,
                          struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "DELETE FROM resources WHERE path = ? AND version = ?", err,
                                    "si", path, version);
        SV_STMT *disks = NULL;
        SV_STMT *leases = NULL;
        SV_STMT *accepted = NULL;
        char name[SV_VERSION_NAME];
        int64_t left;

        if (sv_sql_step(s, q, err) < 0)
                return -1;
        if (!sv_sql_changes(s))
                return fail_none(err);
        if (sv_macs_drop_row(s, m, SV_ROW_VERSION, path, sv_version_name(version, name), err) < 0)
                return -1;
        left = sv_macs_count(s, m, SV_ROW_VERSION, path, false, err);
        if (left)
                return left < 0 ? -1 : 0;
        disks = sv_sql_prepare(s, "DELETE FROM disks WHERE path = ?", err, "s", path);
        leases = sv_sql_prepare(s, "DELETE FROM leases WHERE path = ?", err, "s", path);
        accepted = sv_sql_prepare(s, "DELETE FROM accepted WHERE path = ?", err, "s", path);
        if (sv_sql_step(s, disks, err) < 0 || sv_sql_step(s, leases, err) < 0 ||
            sv_sql_step(s, accepted, err) < 0 || sv_settings_drop(s, m, path, err) < 0)
                return -1;
        return sv_macs_count(s, m, SV_ROW_DISK, path, true, err) < 0 ? -1 : 0;
}

int sv_sql_delete_resource(struct sv_store *s, const char *path, int64_t version,
                           struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, remove_version(s, &m, path, version, err), err);
}

/* As many as were stored: what else stands in their rows is checked when one is read. */
static int read_version_rows(struct sv_store *s, struct sv_macs *m, const char *path,
                             struct sv_json *list, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    "SELECT version, size, created FROM resources WHERE "
                                    "path = ? ORDER BY version DESC",
                                    err, "s", path);
        int64_t n = 0;
        int rc;

        for (; (rc = sv_sql_step(s, q, err)) == 1; n++) {
                struct sv_json *row = sv_json_add(list, sv_json_object());
                char when[32];

                sv_json_set_int(row, "version", sv_sql_number(q, 0));
                sv_json_set_int(row, "size", sv_sql_number(q, 1));
                sv_json_set_str(row, "created", sv_format_time(sv_sql_number(q, 2), when));
        }
        return rc < 0 ? rc : sv_macs_check_count(s, m, SV_ROW_VERSION, "", path, n, err);
}

int sv_sql_list_versions(struct sv_store *s, const char *path, struct sv_json *list,
                         struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_version_rows(s, &m, path, list, err));
}

/* The settings are what this broker stored, the rest is for people: each version is checked when it
 * is read. */
static int add_listed(struct sv_store *s, struct sv_macs *m, struct sv_stmt *q,
                      struct sv_json *list, struct sv_err *err)
{
        struct sv_json *row = sv_json_add(list, sv_json_object());
        struct sv_settings is;
        char when[32];

        sv_json_set_str(row, "path", sv_sql_text(q, 0));
        sv_json_set_int(row, "version", sv_sql_number(q, 1));
        sv_json_set_int(row, "versions", sv_sql_number(q, 2));
        sv_json_set_int(row, "size", sv_sql_number(q, 3));
        if (sv_sql_number(q, 1))
                sv_json_set_str(row, "created", sv_format_time(sv_sql_number(q, 4), when));
        sv_json_set_bool(row, "policy", sv_sql_number(q, 5) != 0);
        if (!sv_sql_number(q, 6))
                return 0;
        if (sv_settings_read(s, m, sv_json_text(row, "path", ""), &is, err) < 0)
                return -1;
        sv_settings_note(&is, row);
        return 0;
}

static int read_listed(struct sv_store *s, struct sv_macs *m, const struct sv_list_query *l,
                       struct sv_json *list, struct sv_err *err)
{
        /* whole names: what begins alike is somebody else's */
        SV_STR below = sv_asprintf("%s%s", l->prefix, l->prefix[0] ? "/" : "");
        SV_STR label = l->label[0] ? sv_asprintf(",%s,", l->label) : sv_asprintf("%s", "");
        SV_STMT *q = sv_sql_prepare(
                s,
                "SELECT path, version, versions, size, created, policies, settings FROM ("
                "SELECT path, version, (SELECT count(*) FROM resources c WHERE c.path = r.path) AS "
                "versions, size, created, (SELECT count(*) FROM policies p WHERE p.path = r.path) "
                "AS policies, (SELECT count(*) FROM settings t WHERE t.path = r.path) AS settings "
                "FROM resources r WHERE version = (SELECT max(version) FROM resources m WHERE "
                "m.path = r.path) AND path > ?1 AND substr(path || '/', 1, length(?2)) = ?2 AND "
                "(?3 = '' OR EXISTS (SELECT 1 FROM settings t WHERE t.path = r.path AND "
                "replace(t.labels, ?3, '') <> t.labels)) ORDER BY path LIMIT ?4) made "
                "UNION ALL SELECT path, 0, 0, bytes, 0, policies, 1 FROM ("
                "SELECT path, bytes, (SELECT count(*) FROM policies p WHERE p.path = t.path) AS "
                "policies FROM settings t WHERE bytes > 0 AND NOT EXISTS (SELECT 1 FROM resources "
                "r WHERE r.path = t.path) AND path > ?1 AND substr(path || '/', 1, length(?2)) = "
                "?2 AND (?3 = '' OR replace(labels, ?3, '') <> labels) ORDER BY path LIMIT ?4) "
                "unmade ORDER BY path LIMIT ?4",
                err, "sssi", l->after, below, label, l->max);
        int rc;

        while ((rc = sv_sql_step(s, q, err)) == 1)
                if (add_listed(s, m, q, list, err) < 0)
                        return -1;
        return rc;
}

int sv_sql_list_resources(struct sv_store *s, const struct sv_list_query *query,
                          struct sv_json *list, struct sv_err *err)
{
        static const struct sv_list_query all = {.max = INT64_MAX};
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_listed(s, &m, query ? query : &all, list, err));
}
