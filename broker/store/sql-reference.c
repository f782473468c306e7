/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets. The row of one that was removed stays, without its text: an older generation
 * never comes back. */
#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/store/sql-mac.h"

/* 1, with text, generation and time in *q; 0: never put. */
static int get_reference_row(struct sv_store *s, struct sv_macs *m, const char *name,
                             struct sv_stmt **q, struct sv_err *err)
{
        return sv_macs_get_row(s, m, SV_ROW_REFERENCE, name, "", q, err);
}

static int write_reference(struct sv_store *s, struct sv_macs *m, const char *name,
                           struct sv_bytes text, int64_t generation, int64_t now,
                           struct sv_err *err)
{
        SV_STMT *put = sv_sql_prepare(
                s,
                "INSERT INTO reference_sets (name, text, generation, created) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET text = excluded.text, generation = "
                "excluded.generation, created = excluded.created",
                err, "sbii", name, text, generation, now);

        if (sv_sql_step(s, put, err) < 0)
                return -1;
        return sv_macs_put_row(s, m, SV_ROW_REFERENCE, name, "", err, "bii", text, generation, now);
}

static int replace_reference(struct sv_store *s, struct sv_macs *m, const char *name,
                             struct sv_bytes text, int64_t generation, int64_t now,
                             struct sv_err *err)
{
        SV_STMT *q = NULL;
        int rc = get_reference_row(s, m, name, &q, err);

        if (rc < 0)
                return -1;
        if (rc == 1 && generation <= sv_sql_number(q, 1))
                return sv_fail(err, SV_USAGE, "reference.generation",
                               "reference set %s has had generation %lld, and this one is %lld: "
                               "each that follows has a higher one",
                               name, (long long)sv_sql_number(q, 1), (long long)generation);
        sv_sql_finish(&q);
        return write_reference(s, m, name, text, generation, now, err);
}

int sv_sql_put_reference(struct sv_store *s, const char *name, struct sv_bytes text,
                         int64_t generation, int64_t now, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, replace_reference(s, &m, name, text, generation, now, err),
                                  err);
}

static int fail_no_reference(const char *name, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "reference.none", "there is no reference set %s", name);
}

static int copy_reference(struct sv_store *s, struct sv_macs *m, const char *name,
                          struct sv_buf *text, struct sv_err *err)
{
        SV_STMT *q = NULL;
        int rc = get_reference_row(s, m, name, &q, err);

        if (rc < 0)
                return -1;
        if (rc == 0 || !sv_sql_bytes(q, 0).n)
                return fail_no_reference(name, err);
        sv_buf_put(text, sv_sql_bytes(q, 0));
        return sv_buf_ok(text, "a reference set of the store", err);
}

int sv_sql_get_reference(struct sv_store *s, const char *name, struct sv_buf *text,
                         struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, copy_reference(s, &m, name, text, err));
}

static int empty_reference(struct sv_store *s, struct sv_macs *m, const char *name, int64_t now,
                           struct sv_err *err)
{
        SV_STMT *q = NULL;
        int rc = get_reference_row(s, m, name, &q, err);
        int64_t generation;

        if (rc < 0)
                return -1;
        if (rc == 0 || !sv_sql_bytes(q, 0).n)
                return fail_no_reference(name, err);
        generation = sv_sql_number(q, 1);
        sv_sql_finish(&q);
        return write_reference(s, m, name, sv_bytes("", 0), generation, now, err);
}

int sv_sql_delete_reference(struct sv_store *s, const char *name, int64_t now, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        return sv_macs_end_change(s, &m, empty_reference(s, &m, name, now, err), err);
}

static int read_references(struct sv_store *s, struct sv_macs *m, bool removed,
                           struct sv_json *list, struct sv_err *err)
{
        SV_STMT *names =
                sv_sql_prepare(s, "SELECT name FROM reference_sets ORDER BY name", err, "");
        int rc;

        while ((rc = sv_sql_step(s, names, err)) == 1) {
                SV_STR name = sv_sql_copy_text(names, 0);
                SV_STMT *q = NULL;
                struct sv_json *row;
                char when[32];

                if (get_reference_row(s, m, name ? name : "", &q, err) != 1)
                        return -1;
                if (!removed && !sv_sql_bytes(q, 0).n)
                        continue;
                row = sv_json_add(list, sv_json_object());
                sv_json_set_str(row, "name", name);
                sv_json_set_int(row, "generation", sv_sql_number(q, 1));
                sv_json_set_str(row, "created", sv_format_time(sv_sql_number(q, 2), when));
        }
        return rc;
}

int sv_sql_list_references(struct sv_store *s, bool removed, struct sv_json *list,
                           struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, read_references(s, &m, removed, list, err));
}
