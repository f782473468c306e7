/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that wait for a second person. Each is a row that is authenticated as the others are: one
 * that was taken back or done cannot be put again by who writes the database. */
#include <stdio.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/store/sql-mac.h"

void sv_pending_free(struct sv_pending *p)
{
        sv_buf_free(&p->head);
        sv_buf_free(&p->body);
        memset(p, 0, sizeof(*p));
}

static int fail_no_pending(const char *id, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "broker.pending.none",
                       "no change %.40s waits: it was done, rejected, or its time is over", id);
}

/* Below which path the row stands; NULL: there is none. */
static char *find_pending_path(struct sv_store *s, const char *id, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "SELECT path FROM pending WHERE id = ?", err, "s", id);
        int rc = sv_sql_step(s, q, err);

        if (rc == 1)
                return sv_sql_copy_text(q, 0);
        if (rc == 0)
                fail_no_pending(id, err);
        return NULL;
}

static int drop_pending(struct sv_store *s, struct sv_macs *m, const char *path, const char *id,
                        struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "DELETE FROM pending WHERE id = ?", err, "s", id);

        if (sv_sql_step(s, q, err) < 0)
                return -1;
        return sv_macs_drop_row(s, m, SV_ROW_PENDING, path, id, err);
}

/* Of one repository: who has paths in another fills no place of this one's. */
static bool is_of_repository(const char *path, const char *other)
{
        size_t n = strcspn(path, "/");

        return n == strcspn(other, "/") && !strncmp(path, other, n);
}

/* Those whose time is over; then, how many there are beside `path`. */
static int clear_pending(struct sv_store *s, struct sv_macs *m, const char *path, int64_t now,
                         int64_t *left, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, "SELECT id, path, expires FROM pending", err, "");
        SV_JSON *old = sv_json_array();
        int rc;

        *left = 0;
        while ((rc = sv_sql_step(s, q, err)) == 1) {
                if (sv_sql_number(q, 2) > now) {
                        *left += is_of_repository(sv_sql_text(q, 1), path);
                        continue;
                }
                sv_json_add(old, sv_json_new_str(sv_sql_text(q, 0)));
                sv_json_add(old, sv_json_new_str(sv_sql_text(q, 1)));
        }
        sv_sql_finish(&q);
        for (size_t i = 0; rc == 0 && i + 1 < sv_json_len(old); i += 2)
                rc = drop_pending(s, m, sv_json_str(sv_json_at(old, i + 1)),
                                  sv_json_str(sv_json_at(old, i)), err);
        return rc;
}

static int add_pending(struct sv_store *s, struct sv_macs *m, const struct sv_pending *p,
                       int64_t now, struct sv_err *err)
{
        struct sv_bytes head = sv_buf_bytes(&p->head);
        struct sv_bytes body = p->body.n ? sv_buf_bytes(&p->body) : sv_bytes("", 0); /* not NULL */
        SV_STMT *put = NULL;
        int64_t left;

        if (clear_pending(s, m, p->path, now, &left, err) < 0)
                return -1;
        if (left >= SV_PENDING_MAX)
                return sv_fail(err, SV_USAGE, "broker.pending.limit",
                               "%d changes below %.*s wait for a second person already: approve "
                               "or reject some",
                               SV_PENDING_MAX, (int)strcspn(p->path, "/"), p->path);
        put = sv_sql_prepare(s,
                             "INSERT INTO pending (id, path, head, body, expires) VALUES "
                             "(?, ?, ?, ?, ?)",
                             err, "ssbbi", p->id, p->path, head, body, p->expires);
        if (sv_sql_step(s, put, err) < 0)
                return -1;
        return sv_macs_put_row(s, m, SV_ROW_PENDING, p->path, p->id, err, "bbi", head, body,
                               p->expires);
}

int sv_sql_put_pending(struct sv_store *s, const struct sv_pending *p, int64_t now,
                       struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, add_pending(s, &m, p, now, err), err);
}

static int read_pending(struct sv_store *s, struct sv_macs *m, const char *id, int64_t now,
                        struct sv_pending *out, struct sv_err *err)
{
        SV_STR path = find_pending_path(s, id, err);
        SV_STMT *q = NULL;
        int rc = path ? sv_macs_get_row(s, m, SV_ROW_PENDING, path, id, &q, err) : -1;

        if (rc < 0)
                return -1;
        if (rc == 0 || sv_sql_number(q, 2) <= now)
                return fail_no_pending(id, err);
        snprintf(out->id, sizeof(out->id), "%s", id);
        snprintf(out->path, sizeof(out->path), "%s", path);
        out->expires = sv_sql_number(q, 2);
        sv_buf_put(&out->head, sv_sql_bytes(q, 0));
        sv_buf_put(&out->body, sv_sql_bytes(q, 1));
        return sv_buf_ok(&out->head, "a pending change", err) < 0
                       ? -1
                       : sv_buf_ok(&out->body, "a pending change", err);
}

int sv_sql_get_pending(struct sv_store *s, const char *id, int64_t now, struct sv_pending *out,
                       struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_pending(s, &m, id, now, out, err));
}

static int remove_pending(struct sv_store *s, struct sv_macs *m, const char *id, struct sv_err *err)
{
        SV_STR path = find_pending_path(s, id, err);

        return path ? drop_pending(s, m, path, id, err) : -1;
}

int sv_sql_delete_pending(struct sv_store *s, const char *id, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, remove_pending(s, &m, id, err), err);
}

int sv_sql_list_pending(struct sv_store *s, int64_t now, struct sv_json *list, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(
                s, "SELECT id FROM pending WHERE expires > ? ORDER BY expires, id", err, "i", now);
        int rc;

        while ((rc = sv_sql_step(s, q, err)) == 1)
                sv_json_add(list, sv_json_new_str(sv_sql_text(q, 0)));
        return rc;
}
