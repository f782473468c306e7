/* SPDX-License-Identifier: Apache-2.0 */
/* From one version of the tables to the next, by the driver's steps. */
#include "base/core/file.h"
#include "broker/store/sql-mac.h"

#define WITH_MACS 5 /* the version from which on databases are authenticated, and have a serial */

static int take_rows(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                     struct sv_err *err)
{
        SV_STMT *q = sv_macs_list_rows(s, kind, err);
        int rc;

        while ((rc = sv_sql_step(s, q, err)) == 1) {
                const char *path = sv_sql_text(q, 0);
                const char *name = sv_sql_text(q, 1);

                if (sv_macs_adopt_row(s, m, kind, path, name, err) < 0)
                        return -1;
        }
        return rc;
}

/* What a database from before there were MACs has, is taken as it is. */
int sv_sql_fill_macs(struct sv_store *s, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};
        int rc = 0;

        for (enum sv_row_kind kind = 1; rc == 0 && kind <= SV_ROW_DISK; kind++)
                rc = take_rows(s, &m, kind, err);
        if (rc == 0)
                rc = sv_macs_write(s, &m, err);
        sv_macs_free(&m);
        return rc;
}

static int count_steps(const struct sv_sql *s)
{
        int n = 0;

        while (s->driver->steps[n].sql)
                n++;
        return n;
}

static int write_schema_version(struct sv_store *s, int64_t version, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;

        return self->driver->write_version(self, version) == 0
                       ? 0
                       : sv_sql_fail(s, "cannot write the database's version", err);
}

/* In a transaction. Another process may have gone the same way meanwhile: the version is read
 * again. */
static int run_steps(struct sv_store *s, const struct sv_sql_step *list, int n, struct sv_err *err)
{
        int64_t version;

        if (sv_sql_read_version(s, &version, err) < 0)
                return -1;
        for (; version < n; version++) {
                if (sv_sql_exec(s, list[version].sql, err) < 0)
                        return -1;
                if (list[version].fill && list[version].fill(s, err) < 0)
                        return -1;
        }
        return write_schema_version(s, version, err);
}

int sv_sql_migrate(struct sv_store *s, const struct sv_sql_step *list, int n, struct sv_err *err)
{
        int64_t version;

        if (sv_sql_read_version(s, &version, err) < 0)
                return -1;
        if (version < 0 || version > n)
                return sv_fail(err, SV_SYSTEM, "broker.store.version",
                               "the database has version %lld, expected at most %d: a newer "
                               "secure-vm-broker has written it; install that one again, or "
                               "restore a copy from before",
                               (long long)version, n);
        if (version == n)
                return 0;
        if (sv_sql_begin(s, err) < 0)
                return -1;
        return sv_sql_end(s, run_steps(s, list, n, err), err);
}

/* A database without MACs is taken as it is where there was none before, or none with MACs. */
static int check_first(const struct sv_store_place *place, struct sv_err *err)
{
        const struct sv_serial none = {.number = 0};
        struct sv_serial outside;

        if (!place->serial)
                return 0;
        if (sv_serial_read(place->serial, &outside, err) < 0)
                return -1;
        if (outside.number < 0)
                return sv_serial_write(place->serial, &none, err);
        if (outside.number == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.rollback",
                       "the database is from before changes were counted, and was at change %lld "
                       "(%s): it was put there, and nothing in it is authenticated: whoever wrote "
                       "it could have put in any policy; take the right one, or a later backup "
                       "(\"secure-vm-broker restore\")",
                       (long long)outside.number, place->serial);
}

int sv_sql_is_authenticated(struct sv_store *s, bool *out, struct sv_err *err)
{
        int64_t version;

        if (sv_sql_read_version(s, &version, err) < 0)
                return -1;
        *out = version >= WITH_MACS;
        return 0;
}

/* Would a step take what it finds as it is? */
static bool has_fill_from(const struct sv_sql *s, int64_t version)
{
        for (int64_t i = version; s->driver->steps[i].sql; i++)
                if (s->driver->steps[i].fill)
                        return true;
        return false;
}

static int update_locked(struct sv_store *s, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        const struct sv_store_place *place = &self->place;
        SV_FD lock = place->lock ? sv_serial_lock(place->lock, err) : -1;
        int64_t version;

        if ((place->lock && lock < 0) || sv_sql_read_version(s, &version, err) < 0)
                return -1;
        if (has_fill_from(self, version) && check_first(place, err) < 0)
                return -1;
        return sv_sql_migrate(s, self->driver->steps, count_steps(self), err);
}

static int update_schema(struct sv_store *s, int newest, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        int64_t version;

        if (sv_sql_read_version(s, &version, err) < 0)
                return -1;
        if (version < 0 || version >= newest)
                return sv_sql_migrate(s, self->driver->steps, newest, err);
        if (self->place.key)
                return update_locked(s, err);
        return sv_fail(err, SV_SYSTEM, "broker.store.version",
                       "the database has version %lld, expected %d: \"secure-vm-broker check\" "
                       "brings it there",
                       (long long)version, newest);
}

int sv_sql_update(struct sv_store *s, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        int newest = count_steps(self);

        if (update_schema(s, newest, err) < 0)
                return -1;
        self->version = newest;
        return 0;
}

int sv_sql_make_tables(struct sv_store *s, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        int newest = count_steps(self);
        int64_t version;

        if (sv_sql_read_version(s, &version, err) < 0)
                return -1;
        if (version == newest)
                return 0;
        if (version)
                return sv_fail(err, SV_SYSTEM, "broker.store.version",
                               "the database has version %lld, expected %d, or a new one",
                               (long long)version, newest);
        for (int i = 0; i < newest; i++)
                if (sv_sql_exec(s, self->driver->steps[i].sql, err) < 0)
                        return -1;
        return write_schema_version(s, newest, err);
}

/* --- back --- */

static int64_t find_lowest(const struct sv_sql *s)
{
        int64_t v = count_steps(s);

        while (v > 0 && s->driver->steps[v - 1].back)
                v--;
        return v;
}

int sv_sql_show_version(struct sv_store *s, struct sv_store_version *out, struct sv_err *err)
{
        out->lowest = find_lowest((struct sv_sql *)s);
        return sv_sql_read_version(s, &out->now, err);
}

static int check_unused(struct sv_store *s, const char *table, int64_t version, struct sv_err *err)
{
        SV_STR sql = sv_asprintf("SELECT count(*) FROM %s", table);
        SV_STMT *q = sv_sql_prepare(s, sql, err, "");
        int64_t n;

        if (sv_sql_step(s, q, err) != 1)
                return -1;
        n = sv_sql_number(q, 0);
        return n ? sv_fail(err, SV_USAGE, "broker.migrate.loses",
                           "the database has %lld rows in \"%s\", for which version %lld has no "
                           "place: remove what can be removed, or restore a backup of that version",
                           (long long)n, table, (long long)version)
                 : 0;
}

static int run_back(struct sv_store *s, int64_t to, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        struct sv_store_version version;

        if (sv_sql_show_version(s, &version, err) < 0)
                return -1;
        if (to < version.lowest || to >= version.now)
                return sv_fail(err, SV_USAGE, "broker.migrate.to",
                               "the database has version %lld and can be brought back to %lld at "
                               "least, not to %lld",
                               (long long)version.now, (long long)version.lowest, (long long)to);
        for (int64_t v = version.now; v > to; v--) {
                const struct sv_sql_step *step = &self->driver->steps[v - 1];

                if ((step->holds && check_unused(s, step->holds, v - 1, err) < 0) ||
                    sv_sql_exec(s, step->back, err) < 0)
                        return -1;
        }
        return write_schema_version(s, to, err);
}

int sv_sql_go_back(struct sv_store *s, int64_t to, struct sv_err *err)
{
        return sv_sql_begin(s, err) < 0 ? -1 : sv_sql_end(s, run_back(s, to, err), err);
}
