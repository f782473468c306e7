/* SPDX-License-Identifier: Apache-2.0 */
/* The whole: a copy, also from one kind of database to another, and checks. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "broker/store/sql-mac.h"

/* Those that others refer to come first. */
static const char *const tables[] = {
        "macs",           "state",    "policies", "policy_versions", "resources", "settings",
        "reference_sets", "pending",  "disks",    "leases",          "accepted",  "admin_tokens",
        "floors",         "sessions", "releases", "audit",
};
#define N_TABLES (sizeof(tables) / sizeof(*tables))

static int take_column(struct sv_stmt *q, int column, struct sv_sql_value *v, struct sv_err *err)
{
        *v = (struct sv_sql_value){.type = sv_sql_column_type(q, column)};
        if (v->type == SV_SQL_INTEGER)
                v->number = sv_sql_number(q, column);
        else if (v->type == SV_SQL_TEXT || v->type == SV_SQL_BLOB)
                v->bytes = sv_sql_bytes(q, column);
        else if (v->type != SV_SQL_NULL)
                return sv_fail(err, SV_SYSTEM, "broker.store.damaged",
                               "the database holds a value of a type that is never written");
        return 0;
}

static int copy_row(struct sv_store *to, const char *insert, struct sv_stmt *q, struct sv_err *err)
{
        struct sv_sql_value values[SV_SQL_VALUES_MAX];
        int n = sv_sql_count(q);
        SV_STMT *put = NULL;

        for (int i = 0; i < n; i++)
                if (take_column(q, i, &values[i], err) < 0)
                        return -1;
        put = sv_sql_prepare_values(to, insert, err, values, n);
        return sv_sql_step(to, put, err) < 0 ? -1 : 0;
}

static int copy_page(struct sv_store *from, struct sv_store *to, const char *table,
                     const char *select, int *n, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(from, select, err, "");
        SV_BUF insert = SV_BUF_NULL;
        int rc = sv_sql_step(from, q, err);

        *n = 0;
        if (rc != 1)
                return rc;
        if (sv_sql_count(q) > SV_SQL_VALUES_MAX)
                return sv_fail(err, SV_SYSTEM, "broker.store.damaged",
                               "table %s has %d columns, at most %d are known", table,
                               sv_sql_count(q), SV_SQL_VALUES_MAX);
        sv_buf_printf(&insert, "INSERT INTO %s VALUES (?", table);
        for (int i = 1; i < sv_sql_count(q); i++)
                sv_buf_puts(&insert, ", ?");
        sv_buf_puts(&insert, ")");
        if (sv_buf_ok(&insert, "a statement", err) < 0)
                return -1;
        for (; rc == 1; rc = sv_sql_step(from, q, err), (*n)++)
                if (copy_row(to, sv_buf_str(&insert), q, err) < 0)
                        return -1;
        return rc;
}

/* As large as it may be: a driver whose answers come whole is asked for parts. */
static int copy_table(struct sv_store *from, struct sv_store *to, const char *table,
                      struct sv_err *err)
{
        SV_STR select = sv_asprintf("SELECT * FROM %s", table);
        SV_STR cursor = sv_asprintf("DECLARE copy_%s NO SCROLL CURSOR FOR %s", table, select);
        SV_STR fetch = sv_asprintf("FETCH FORWARD %d FROM copy_%s", SV_SQL_PAGE, table);
        int n;

        if (!((struct sv_sql *)from)->driver->has_cursors)
                return copy_page(from, to, table, select, &n, err);
        if (sv_sql_exec(from, cursor, err) < 0)
                return -1;
        do {
                if (copy_page(from, to, table, fetch, &n, err) < 0)
                        return -1;
        } while (n);
        return 0;
}

static int replace_all_rows(struct sv_store *from, struct sv_store *to, struct sv_err *err)
{
        const char *after = ((struct sv_sql *)to)->driver->after_copy;

        if (sv_sql_make_tables(to, err) < 0)
                return -1;
        for (size_t i = N_TABLES; i--;) {
                SV_STR empty = sv_asprintf("DELETE FROM %s", tables[i]);

                if (sv_sql_exec(to, empty, err) < 0)
                        return -1;
        }
        for (size_t i = 0; i < N_TABLES; i++)
                if (copy_table(from, to, tables[i], err) < 0)
                        return -1;
        return after ? sv_sql_exec(to, after, err) : 0;
}

static int read_and_replace(struct sv_store *from, struct sv_store *to, struct sv_err *err)
{
        struct sv_sql *source = (struct sv_sql *)from;
        int rc;

        if (sv_sql_begin_read(from, err) < 0)
                return -1;
        rc = sv_sql_begin(to, err);
        if (rc == 0)
                rc = sv_sql_end(to, replace_all_rows(from, to, err), err);
        source->driver->exec(source, "ROLLBACK");
        return rc;
}

static int ask_about_tables(struct sv_store *to, sv_store_check *check, void *context,
                            struct sv_err *err)
{
        int64_t version;

        if (!check)
                return 0;
        if (sv_sql_read_version(to, &version, err) < 0)
                return -1;
        return version ? check(to, context, err) : 0;
}

static int await_answers(struct sv_sql *s, struct sv_err *err)
{
        if (s->driver->be_patient && s->driver->be_patient(s) < 0)
                return sv_sql_fail(&s->store, "cannot say how long to wait", err);
        return 0;
}

/* What is read is of one moment; what is written is there whole or not at all, and replaces what
 * was looked at. */
static int copy_rows(struct sv_store *from, struct sv_store *to, sv_store_check *check,
                     void *context, struct sv_err *err)
{
        if (await_answers((struct sv_sql *)from, err) < 0 ||
            await_answers((struct sv_sql *)to, err) < 0 || sv_sql_hold(to, true, err) < 0)
                return -1;
        if (sv_sql_reserve(to, err) < 0 || ask_about_tables(to, check, context, err) < 0 ||
            read_and_replace(from, to, err) < 0) {
                sv_sql_settle(to, false, NULL);
                return -1;
        }
        return sv_sql_settle(to, true, err);
}

static struct sv_sql *connect_to_copy(struct sv_store *from, const char *path, struct sv_err *err)
{
        struct sv_sql *to = sv_postgres_is(path) ? sv_postgres_connect(path, err)
                                                 : sv_sqlite_connect(path, true, err);

        if (to)
                to->store.ops = from->ops;
        return to;
}

static int ask_about_file(struct sv_store *from, const char *path, sv_store_check *check,
                          void *context, struct sv_err *err)
{
        struct sv_sql *there;
        int rc;

        if (!check || access(path, F_OK) < 0)
                return 0;
        there = connect_to_copy(from, path, err);
        if (!there)
                return -1;
        rc = ask_about_tables(&there->store, check, context, err);
        sv_sql_close(&there->store);
        return rc;
}

int sv_sql_replace(struct sv_store *from, const char *path, sv_store_check *check, void *context,
                   struct sv_err *err)
{
        mode_t old;
        struct sv_sql *to;
        int rc;

        if (sv_sqlite_is(from) && !sv_postgres_is(path))
                return ask_about_file(from, path, check, context, err) < 0
                               ? -1
                               : sv_sqlite_copy(from, path, err);
        old = umask(077); /* a file is made on its first use */
        to = connect_to_copy(from, path, err);
        rc = to ? copy_rows(from, &to->store, check, context, err) : -1;
        umask(old);
        if (to)
                sv_sql_close(&to->store);
        return rc;
}

int sv_sql_copy(struct sv_store *from, const char *path, struct sv_err *err)
{
        return sv_sql_replace(from, path, NULL, NULL, err);
}

#define CLOCK_OFF 60 /* seconds; a lease lasts minutes, a session too */

int sv_sql_check_clock(struct sv_store *s, int64_t now, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        int64_t there;

        if (!self->driver->read_clock)
                return 0;
        if (self->driver->read_clock(self, &there) < 0)
                return sv_sql_fail(s, "cannot read the server's clock", err);
        if (there - now <= CLOCK_OFF && now - there <= CLOCK_OFF)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.clock",
                       "the clock here is %lld seconds %s the database server's, at most %d were "
                       "expected: sessions and leases of all brokers would end at a wrong time; "
                       "set the clocks",
                       (long long)(now > there ? now - there : there - now),
                       now > there ? "ahead of" : "behind", CLOCK_OFF);
}

int sv_sql_detach(struct sv_store *s, struct sv_err *err)
{
        return sv_sqlite_is(s) ? sv_sql_exec(s, "PRAGMA journal_mode=DELETE", err) : 0;
}

/* Begin and end of a change that changes nothing. */
int sv_sql_verify(struct sv_store *s, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        return sv_macs_begin_change(s, &m, err) < 0 ? -1 : sv_macs_end_change(s, &m, 0, err);
}

int sv_sql_get_number(struct sv_store *s, int64_t *out, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        *out = m.serial;
        return sv_macs_end_read(s, &m, 0);
}

int sv_sql_renew(struct sv_store *s, int64_t above, struct sv_serial *out, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        if (m.serial < above)
                m.serial = above;
        m.changed = true;
        if (sv_macs_end_change(s, &m, 0, err) < 0)
                return -1;
        out->number = m.serial;
        memcpy(out->mac, m.mac, SV_MAC_SIZE);
        return 0;
}

int sv_sql_check(struct sv_store *s, struct sv_err *err)
{
        const struct sv_sql_driver *driver = ((struct sv_sql *)s)->driver;
        struct sv_macs m = {.lock = 0};

        if ((driver->check && driver->check(s, err) < 0) || sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, sv_macs_check_all(s, &m, err));
}
