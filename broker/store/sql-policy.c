/* SPDX-License-Identifier: Apache-2.0 */
/* Policies. One that somebody else has changed may be replaced and removed, and not be read. */
#include "broker/store/sql-history.h"

#include <string.h>

#include "base/core/encoding.h"
#include "base/crypto/crypto.h"

static int fail_absent(struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "broker.policy.absent", "there is no policy under this path");
}

static int read_policy_row(struct sv_store *s, struct sv_macs *m, const char *path,
                           struct sv_buf *text, struct sv_err *err)
{
        SV_STMT *q = NULL;
        int rc = sv_macs_get_row(s, m, SV_ROW_POLICY, path, "", &q, err);

        if (rc == 0)
                return fail_absent(err);
        if (rc < 0)
                return -1;
        sv_buf_put(text, sv_sql_bytes(q, 0));
        return sv_buf_ok(text, "a policy of the store", err);
}

/* Reading asks for the MAC: what somebody else has changed is not what was read. */
static int check_policy_before(struct sv_store *s, struct sv_macs *m, const char *path,
                               const char *before, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        char hex[65];

        if (read_policy_row(s, m, path, &text, err) < 0 ||
            sv_sha256_hex(sv_buf_bytes(&text), hex, err) < 0)
                return -1;
        if (!strcmp(hex, before))
                return 0;
        return sv_fail(err, SV_USAGE, "broker.policy.changed",
                       "somebody else put a policy meanwhile: look at it (\"policy get\") and try "
                       "again");
}

static int replace_policy(struct sv_store *s, struct sv_macs *m, const char *path,
                          const struct sv_policy_put *put, struct sv_err *err)
{
        SV_STMT *q =
                sv_sql_prepare(s,
                               "INSERT INTO policies (path, text, created) VALUES (?, ?, ?) ON "
                               "CONFLICT (path) DO UPDATE SET text = excluded.text, created = "
                               "excluded.created",
                               err, "sbi", path, put->text, put->now);

        if ((put->before && check_policy_before(s, m, path, put->before, err) < 0) ||
            sv_history_begin(s, m, path, err) < 0 || sv_sql_step(s, q, err) < 0 ||
            sv_macs_put_row(s, m, SV_ROW_POLICY, path, "", err, "bi", put->text, put->now) < 0)
                return -1;
        return sv_history_add(s, m, path, put, err);
}

int sv_sql_put_policy(struct sv_store *s, const char *path, const struct sv_policy_put *put,
                      struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, replace_policy(s, &m, path, put, err), err);
}

int sv_sql_get_policy(struct sv_store *s, const char *path, struct sv_buf *text, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_policy_row(s, &m, path, text, err));
}

static int remove_policy(struct sv_store *s, struct sv_macs *m, const char *path,
                         const struct sv_policy_put *nothing, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "DELETE FROM policies WHERE path = ?", err, "s", path);

        if (sv_history_begin(s, m, path, err) < 0 || sv_sql_step(s, q, err) < 0)
                return -1;
        if (!sv_sql_changes(s))
                return fail_absent(err);
        if (sv_macs_drop_row(s, m, SV_ROW_POLICY, path, "", err) < 0)
                return -1;
        return sv_history_add(s, m, path, nothing, err);
}

int sv_sql_delete_policy(struct sv_store *s, const char *path, const char *author, int64_t now,
                         struct sv_err *err)
{
        const struct sv_policy_put nothing = {
                .text = sv_bytes("", 0), .author = author, .now = now};
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, remove_policy(s, &m, path, &nothing, err), err);
}

int sv_sql_list_policies(struct sv_store *s, struct sv_json *list, struct sv_err *err)
{
        SV_STMT *q = sv_macs_list_rows(s, SV_ROW_POLICY, err);
        int rc;

        while ((rc = sv_sql_step(s, q, err)) == 1) {
                const char *path = sv_sql_text(q, 0);

                if (path)
                        sv_json_add(list, sv_json_new_str(path));
        }
        return rc;
}
