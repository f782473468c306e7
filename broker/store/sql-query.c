/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and transactions, by whichever driver. */
#include "broker/store/sql.h"
#include "broker/store/syncs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"

static const struct sv_sql_driver *driver_of(const struct sv_store *s)
{
        return ((const struct sv_sql *)s)->driver;
}

static bool is_transaction_open(const struct sv_store *s)
{
        return driver_of(s)->is_open((const struct sv_sql *)s);
}

int sv_sql_fail(struct sv_store *s, const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "%s: %s", what,
                       driver_of(s)->why((struct sv_sql *)s));
}

static void drop_statements(struct sv_sql *s)
{
        while (s->idle) {
                struct sv_stmt *q = s->idle;

                s->idle = q->next;
                s->driver->finalize(q);
                free(q->sql);
                free(q);
        }
}

void sv_sql_close(struct sv_store *store)
{
        struct sv_sql *s = (struct sv_sql *)store;

        drop_statements(s);
        s->driver->close(s);
        free(s->seen);
        free(s);
}

int sv_sql_exec(struct sv_store *s, const char *sql, struct sv_err *err)
{
        if (driver_of(s)->exec((struct sv_sql *)s, sql) < 0)
                return sv_sql_fail(s, "cannot change the database", err);
        return 0;
}

int sv_sql_run(struct sv_store *s, const char *sql, struct sv_err *err)
{
        SV_STMT *q = sv_sql_prepare(s, sql, err, "");

        return sv_sql_step(s, q, err);
}

int sv_sql_read_version(struct sv_store *s, int64_t *version, struct sv_err *err)
{
        return driver_of(s)->read_version((struct sv_sql *)s, version) == 0
                       ? 0
                       : sv_sql_fail(s, "cannot read the database's version", err);
}

int sv_sql_begin_read(struct sv_store *s, struct sv_err *err)
{
        return driver_of(s)->begin_read((struct sv_sql *)s) == 0
                       ? 0
                       : sv_sql_fail(s, "cannot begin to read the database", err);
}

/* A newer broker may have gone on with the database while this one runs, and knows of rows what
 * this one would not write. */
static int check_same_version(struct sv_store *s, struct sv_err *err)
{
        int64_t expected = ((struct sv_sql *)s)->version, found;

        if (!expected)
                return 0;
        if (sv_sql_read_version(s, &found, err) < 0)
                return -1;
        if (found == expected)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.version",
                       "the database has version %lld and had %lld when this broker opened it: "
                       "another secure-vm-broker has brought it there; start this service anew, "
                       "with that program",
                       (long long)found, (long long)expected);
}

static int begin_write(struct sv_store *s, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;

        if (self->driver->begin_write(self) < 0)
                return sv_sql_fail(s, "cannot begin to change the database", err);
        if (check_same_version(s, err) == 0)
                return 0;
        self->driver->exec(self, "ROLLBACK");
        return -1;
}

/* The lock comes first, as wherever both are taken. */
static int open_held(struct sv_store *s, struct sv_held *held, struct sv_err *err)
{
        const char *lock = ((struct sv_sql *)s)->place.lock;

        if (lock && (held->lock = sv_serial_lock(lock, err)) < 0) {
                held->lock = 0;
                return -1;
        }
        if (begin_write(s, err) == 0) {
                held->open = true;
                return 0;
        }
        if (held->lock > 0)
                close(held->lock);
        held->lock = 0;
        return -1;
}

int sv_sql_begin(struct sv_store *s, struct sv_err *err)
{
        struct sv_held *held = &((struct sv_sql *)s)->held;

        if (!held->on)
                return begin_write(s, err);
        if (!held->open && open_held(s, held, err) < 0)
                return -1;
        /* a savepoint alone would be a transaction of its own */
        if (held->broken || !is_transaction_open(s))
                return sv_fail(err, SV_SYSTEM, "broker.store",
                               "the database has taken back what this request changed");
        return sv_sql_run(s, "SAVEPOINT step", err);
}

/* A server that is lost in the middle of it may have done it, and could not say so. */
static int commit(struct sv_store *s, struct sv_err *err)
{
        const struct sv_sql_driver *driver = driver_of(s);

        if (!is_transaction_open(s))
                return sv_fail(err, SV_SYSTEM, "broker.store",
                               "the database has taken back what was changed");
        if (sv_sql_run(s, "COMMIT", err) == 0)
                return 0;
        if (!driver->is_gone || !driver->is_gone((struct sv_sql *)s))
                return -1;
        return sv_fail(err, SV_SYSTEM, "broker.store.unsure",
                       "the database was lost while it was to keep a change, so that may have been "
                       "done: look, then try again; it said: %s",
                       driver->why((struct sv_sql *)s));
}

static bool shares_syncs(const struct sv_sql *s)
{
        return s->driver->sync && s->place.syncs;
}

static int sync_log(void *context, bool again)
{
        struct sv_sql *s = context;

        return s->driver->sync(s, again);
}

static int sync_shared(struct sv_sql *s)
{
        return sv_syncs_wait(s->place.syncs, s->number, sync_log, s);
}

/* It is committed, and what others commit may build on it; but who asked for it hears of it only
 * when it is on the disk. */
static int wait_for_disk(struct sv_sql *s, struct sv_err *err)
{
        if (!shares_syncs(s) || sync_shared(s) == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.unsure",
                       "the disk has not taken a change, which may have been done all the same: "
                       "look, then try again");
}

int sv_sql_end(struct sv_store *s, int rc, struct sv_err *err)
{
        struct sv_held *held = &((struct sv_sql *)s)->held;

        if (rc == 0 && (held->on ? sv_sql_run(s, "RELEASE step", err) : commit(s, err)) == 0)
                return held->on ? 0 : wait_for_disk((struct sv_sql *)s, err);
        if (driver_of(s)->exec((struct sv_sql *)s,
                               held->on ? "ROLLBACK TO step; RELEASE step" : "ROLLBACK") < 0)
                held->broken = held->on;
        return -1;
}

int sv_sql_reconnect(struct sv_store *s, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;

        return !self->driver->renew || self->driver->renew(self) == 0
                       ? 0
                       : sv_sql_fail(s, "no connection to the database", err);
}

/* A log that was synced is synced up to its end: what is durable makes durable what came before. */
int sv_sql_hold(struct sv_store *s, bool durable, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        bool itself = durable && !shares_syncs(self); /* the commit syncs */

        if (sv_sql_settle(s, false, err) < 0)
                return -1;
        if (is_transaction_open(s) && sv_sql_exec(s, "ROLLBACK", err) < 0)
                return -1;
        if (self->soft == itself) {
                if (self->driver->set_durable(self, itself) < 0)
                        return sv_sql_fail(s, "cannot set how a change is kept", err);
                self->soft = !itself;
        }
        self->held.on = true;
        self->held.durable = durable;
        return 0;
}

/* Who shares nothing of what is known of others' syncs takes none's word. */
int sv_sql_sync(struct sv_store *s, struct sv_err *err)
{
        struct sv_sql *self = (struct sv_sql *)s;
        int rc = shares_syncs(self)   ? sync_shared(self)
                 : self->driver->sync ? self->driver->sync(self, true)
                                      : 0;

        return rc == 0 ? 0
                       : sv_fail(err, SV_SYSTEM, "broker.store",
                                 "the disk does not take what was written to the database");
}

int64_t sv_sql_owes_sync(struct sv_store *s)
{
        struct sv_sql *self = (struct sv_sql *)s;

        if (self->owed && sv_syncs_has_synced(self->place.syncs, self->number, self->owed))
                self->owed = 0;
        return self->owed ? self->owed_ms : 0;
}

static void owe_sync(struct sv_sql *s)
{
        if (!shares_syncs(s))
                return; /* the server sees to it, or nobody does */
        if (!sv_sql_owes_sync(&s->store))
                s->owed_ms = sv_clock_ms();
        s->owed = sv_syncs_defer(s->place.syncs);
}

int sv_sql_reserve(struct sv_store *s, struct sv_err *err)
{
        struct sv_held *held = &((struct sv_sql *)s)->held;

        return held->open ? 0 : open_held(s, held, err);
}

/* Others may go on before the disk has it, unless the serial is to follow. */
static int end_held(struct sv_store *s, struct sv_held *held, bool keep, struct sv_err *err)
{
        const char *path = ((struct sv_sql *)s)->place.serial;

        if (!keep) {
                driver_of(s)->exec((struct sv_sql *)s, "ROLLBACK");
                return 0;
        }
        if (held->broken)
                return sv_fail(err, SV_SYSTEM, "broker.store",
                               "the database has taken back what this request changed");
        if (commit(s, err) < 0) {
                driver_of(s)->exec((struct sv_sql *)s, "ROLLBACK");
                return -1;
        }
        if (!held->serial.number && held->lock > 0) {
                close(held->lock);
                held->lock = 0;
        }
        if (!held->durable && !held->serial.number)
                owe_sync((struct sv_sql *)s);
        else if (wait_for_disk((struct sv_sql *)s, err) < 0)
                return -1;
        return held->serial.number ? sv_serial_write(path, &held->serial, err) : 0;
}

int sv_sql_settle(struct sv_store *s, bool keep, struct sv_err *err)
{
        struct sv_held held = ((struct sv_sql *)s)->held;
        int rc = held.open ? end_held(s, &held, keep, err) : 0;

        ((struct sv_sql *)s)->held = (struct sv_held){.on = false};
        if (held.lock > 0)
                close(held.lock);
        return rc;
}

static struct sv_stmt *take_idle(struct sv_sql *s, const char *sql)
{
        for (struct sv_stmt **at = &s->idle; *at; at = &(*at)->next) {
                struct sv_stmt *q = *at;

                if (strcmp(q->sql, sql))
                        continue;
                *at = q->next;
                return q;
        }
        return NULL;
}

static struct sv_stmt *prepare_new(struct sv_sql *s, const char *sql, struct sv_err *err)
{
        struct sv_stmt *q = calloc(1, sizeof(*q));

        if (q)
                q->sql = strdup(sql);
        if (!q || !q->sql) {
                sv_fail_errno(err, "base.memory", "no memory for a statement");
                free(q);
                return NULL;
        }
        q->of = s;
        if (s->driver->prepare(s, q) == 0)
                return q;
        sv_sql_fail(&s->store, "cannot prepare a statement", err);
        free(q->sql);
        free(q);
        return NULL;
}

int sv_sql_take_values(const char *types, va_list ap, struct sv_sql_value *values)
{
        int n = 0;

        for (; types[n] && n < SV_SQL_VALUES_MAX; n++) {
                struct sv_sql_value *v = &values[n];
                const char *text;

                *v = (struct sv_sql_value){.type = SV_SQL_BLOB};
                if (types[n] == 'i') {
                        v->type = SV_SQL_INTEGER;
                        v->number = va_arg(ap, int64_t);
                } else if (types[n] == 's') {
                        text = va_arg(ap, const char *);
                        v->type = text ? SV_SQL_TEXT : SV_SQL_NULL;
                        v->bytes = text ? sv_bytes_str(text) : SV_BYTES_NULL;
                } else {
                        v->bytes = va_arg(ap, struct sv_bytes);
                }
        }
        return n;
}

struct sv_stmt *sv_sql_prepare_values(struct sv_store *store, const char *sql, struct sv_err *err,
                                      const struct sv_sql_value *values, int n)
{
        struct sv_sql *s = (struct sv_sql *)store;
        struct sv_stmt *q = take_idle(s, sql);

        if (!q)
                q = prepare_new(s, sql, err);
        if (!q || s->driver->bind(q, values, n) == 0)
                return q;
        sv_sql_fail(store, "cannot bind the values of a statement", err);
        sv_sql_finish(&q);
        return NULL;
}

struct sv_stmt *sv_sql_prepare(struct sv_store *s, const char *sql, struct sv_err *err,
                               const char *types, ...)
{
        struct sv_sql_value values[SV_SQL_VALUES_MAX];
        va_list ap;
        int n;

        va_start(ap, types);
        n = sv_sql_take_values(types, ap, values);
        va_end(ap);
        return sv_sql_prepare_values(s, sql, err, values, n);
}

int sv_sql_step(struct sv_store *s, struct sv_stmt *q, struct sv_err *err)
{
        int rc;

        if (!q)
                return -1;
        rc = driver_of(s)->step(q);
        return rc < 0 ? sv_sql_fail(s, "cannot read or write", err) : rc;
}

void sv_sql_finish(struct sv_stmt **at)
{
        struct sv_stmt *q = *at;

        if (!q)
                return;
        q->of->driver->reset(q);
        q->next = q->of->idle;
        q->of->idle = q;
        *at = NULL;
}

int sv_sql_count(const struct sv_stmt *q)
{
        return q->of->driver->count(q);
}

enum sv_sql_type sv_sql_column_type(const struct sv_stmt *q, int column)
{
        return q->of->driver->type(q, column);
}

bool sv_sql_is_null(const struct sv_stmt *q, int column)
{
        return sv_sql_column_type(q, column) == SV_SQL_NULL;
}

int64_t sv_sql_number(const struct sv_stmt *q, int column)
{
        return q->of->driver->number(q, column);
}

const char *sv_sql_text(struct sv_stmt *q, int column)
{
        return q->of->driver->text(q, column);
}

struct sv_bytes sv_sql_bytes(struct sv_stmt *q, int column)
{
        return q->of->driver->bytes(q, column);
}

char *sv_sql_copy_text(struct sv_stmt *q, int column)
{
        const char *t = sv_sql_text(q, column);

        return t ? sv_asprintf("%s", t) : NULL;
}

int64_t sv_sql_changes(struct sv_store *s)
{
        return driver_of(s)->changes((struct sv_sql *)s);
}
