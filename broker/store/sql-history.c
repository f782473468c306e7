/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/sql-history.h"

#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/crypto/crypto.h"

static int64_t ask_number(struct sv_store *s, const char *sql, const char *path, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, sql, err, "s", path);

        return sv_sql_step(s, q, err) == 1 ? sv_sql_number(q, 0) : -1;
}

static int64_t find_newest(struct sv_store *s, const char *path, struct sv_err *err)
{
        return ask_number(s, "SELECT coalesce(max(version), 0) FROM policy_versions WHERE path = ?",
                          path, err);
}

static int insert_history(struct sv_store *s, struct sv_macs *m, const char *path, int64_t version,
                          const struct sv_policy_put *put, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s,
                                    "INSERT INTO policy_versions (path, version, text, created, "
                                    "author) VALUES (?, ?, ?, ?, ?)",
                                    err, "sibis", path, version, put->text, put->now, put->author);
        char name[SV_VERSION_NAME];

        if (sv_sql_step(s, q, err) < 0)
                return -1;
        return sv_macs_put_row(s, m, SV_ROW_HISTORY, path, sv_version_name(version, name), err,
                               "bis", put->text, put->now, put->author);
}

/* 1 and its columns in *q: a policy, and not a version of it. */
static int get_unversioned(struct sv_store *s, struct sv_macs *m, const char *path,
                           struct sv_stmt **q, struct sv_err *err)
{
        int64_t newest = find_newest(s, path, err);

        if (newest)
                return newest < 0 ? -1 : 0;
        return sv_macs_get_row(s, m, SV_ROW_POLICY, path, "", q, err);
}

/* What somebody else has changed is no version of ours, and may be replaced. */
int sv_history_begin(struct sv_store *s, struct sv_macs *m, const char *path, struct sv_err *err)
{
        SV_STMT *q = NULL;
        struct sv_policy_put first = {.author = ""};

        if (get_unversioned(s, m, path, &q, NULL) != 1)
                return 0;
        first.text = sv_sql_bytes(q, 0);
        first.now = sv_sql_number(q, 1);
        return insert_history(s, m, path, 1, &first, err);
}

static int drop_oldest(struct sv_store *s, struct sv_macs *m, const char *path, struct sv_err *err)
{
        int64_t oldest =
                ask_number(s, "SELECT min(version) FROM policy_versions WHERE path = ?", path, err);
        SV_STMT *q = sv_sql_prepare(s, "DELETE FROM policy_versions WHERE path = ? AND version = ?",
                                    err, "si", path, oldest);
        char name[SV_VERSION_NAME];

        if (oldest < 0 || sv_sql_step(s, q, err) < 0)
                return -1;
        return sv_macs_drop_row(s, m, SV_ROW_HISTORY, path, sv_version_name(oldest, name), err);
}

int sv_history_add(struct sv_store *s, struct sv_macs *m, const char *path,
                   const struct sv_policy_put *put, struct sv_err *err)
{
        int64_t newest = find_newest(s, path, err), n;

        if (newest < 0 || insert_history(s, m, path, newest + 1, put, err) < 0)
                return -1;
        n = ask_number(s, "SELECT count(*) FROM policy_versions WHERE path = ?", path, err);
        return n <= SV_POLICY_VERSIONS_MAX ? (n < 0 ? -1 : 0) : drop_oldest(s, m, path, err);
}

/* --- reading --- */

static int add_history_row(struct sv_json *list, int64_t version, bool newest, struct sv_stmt *q,
                           struct sv_err *err)
{
        struct sv_json *row = sv_json_add(list, sv_json_object());
        struct sv_bytes text = sv_sql_bytes(q, 0);
        char hex[65], when[32];

        if (sv_sha256_hex(text, hex, err) < 0)
                return -1;
        sv_json_set_int(row, "version", version);
        sv_json_set_str(row, "created", sv_format_time(sv_sql_number(q, 1), when));
        sv_json_set_str(row, "author", sv_sql_count(q) > 2 ? sv_sql_text(q, 2) : "");
        sv_json_set_int(row, "size", (int64_t)text.n);
        if (text.n)
                sv_json_set_str(row, "sha256", hex);
        sv_json_set_bool(row, "current", newest && text.n);
        sv_json_set_bool(row, "removed", !text.n);
        return 0;
}

static int read_history(struct sv_store *s, struct sv_macs *m, const char *path,
                        struct sv_json *list, struct sv_err *err)
{
        SV_STMT *versions = sv_sql_prepare(
                s, "SELECT version FROM policy_versions WHERE path = ? ORDER BY version DESC", err,
                "s", path);
        SV_STMT *first = NULL;
        int64_t n = 0;
        int rc;

        for (; (rc = sv_sql_step(s, versions, err)) == 1; n++) {
                int64_t version = sv_sql_number(versions, 0);
                SV_STMT *q = NULL;
                char name[SV_VERSION_NAME];

                if (sv_macs_get_row(s, m, SV_ROW_HISTORY, path, sv_version_name(version, name), &q,
                                    err) != 1 ||
                    add_history_row(list, version, n == 0, q, err) < 0)
                        return -1;
        }
        if (rc < 0 || sv_macs_check_count(s, m, SV_ROW_HISTORY, "the policy of ", path, n, err) < 0)
                return -1;
        rc = n ? 0 : get_unversioned(s, m, path, &first, err);
        return rc == 1 ? add_history_row(list, 1, true, first, err) : rc;
}

int sv_sql_list_policy_versions(struct sv_store *s, const char *path, struct sv_json *list,
                                struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_history(s, &m, path, list, err));
}

static int read_policy_version(struct sv_store *s, struct sv_macs *m, const char *path,
                               int64_t version, struct sv_buf *text, struct sv_err *err)
{
        SV_STMT *q = NULL;
        char name[SV_VERSION_NAME];
        int rc = sv_macs_get_row(s, m, SV_ROW_HISTORY, path, sv_version_name(version, name), &q,
                                 err);

        if (rc == 0 && version == 1)
                rc = get_unversioned(s, m, path, &q, err);
        if (rc < 0)
                return -1;
        if (rc == 0 || !sv_sql_bytes(q, 0).n)
                return sv_fail(err, SV_USAGE, "broker.policy.version",
                               "the policy of %s has no version %lld (%s): \"secure-vm policy "
                               "history\" lists those that there are",
                               path, (long long)version,
                               rc ? "it was removed then" : "the newest are kept");
        sv_buf_put(text, sv_sql_bytes(q, 0));
        return sv_buf_ok(text, "a policy of the store", err);
}

int sv_sql_get_policy_version(struct sv_store *s, const char *path, int64_t version,
                              struct sv_buf *text, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_policy_version(s, &m, path, version, text, err));
}
