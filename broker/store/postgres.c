/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL: one database for several brokers. Whoever changes it holds one lock of the database's
 * until the end of the transaction, so that changes follow each other as they do in SQLite, in
 * whichever broker. A connection that is lost is made again before the next request.
 *
 * Who runs the server is believed no more than who can write a file: what counts has MACs, and what
 * the server answers after a change is compared with what was written (broker/store/sql-mac.h). */
#include "broker/store/postgres.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/text.h"

/* An advisory lock's number means what those take it for who use this database. */
#define LOCK "4850188191125219"

#define READS 16 /* of what came unasked, at most */

/* One statement: more than the server waits for a lock, and less than a client for its answer
 * (broker/serve/connection.c). */
#define ANSWER_MS 12000
#define COPY_MS   600000 /* where all is copied */

#define OID_BYTEA 17
#define OID_INT8  20
#define OID_INT2  21
#define OID_INT4  23
#define OID_BOOL  16

struct connection {
        PGconn *pg;
        unsigned number;   /* of the connection: prepared statements go with it */
        unsigned prepared; /* names given */
        int64_t changes;
        int64_t limit_ms; /* of one statement */
        char why[256];
        bool has_version;
};

struct statement {
        char *sql; /* with $1 for ? */
        char name[16];
        unsigned number; /* of the connection that knows it; 0: none */
        PGresult *result;
        int row;
        char decimal[24];
        int n;
        struct param {
                char *p;
                int size, format;
        } params[SV_SQL_VALUES_MAX];
};

static struct connection *connection_of(const struct sv_sql *s)
{
        return s->db;
}

static int keep_why(struct connection *c, const PGresult *r)
{
        const char *said = r ? sv_pq.resultErrorMessage(r) : "";

        if (!*said)
                said = sv_pq.errorMessage(c->pg);
        snprintf(c->why, sizeof(c->why), "%.*s", (int)strcspn(said, "\n"), said);
        return -1;
}

static const char *say_why_postgres(const struct sv_sql *s)
{
        const struct connection *c = connection_of(s);

        return c ? c->why : "no memory";
}

static bool is_postgres_done(const PGresult *r)
{
        return sv_pq.resultStatus(r) == PGRES_COMMAND_OK ||
               sv_pq.resultStatus(r) == PGRES_TUPLES_OK;
}

/* A transaction that has failed ends without a word when it is to be committed. */
static bool was_taken_back(const PGresult *r, const char *sql)
{
        return !strcmp(sql, "COMMIT") && strcmp(sv_pq.cmdStatus((PGresult *)r), "COMMIT") != 0;
}

static int take_result(struct connection *c, const PGresult *r, const char *sql)
{
        uint64_t changes = 0;

        if (!is_postgres_done(r))
                return keep_why(c, r);
        sv_parse_u64(sv_pq.cmdTuples((PGresult *)r), INT64_MAX, &changes, "", NULL); /* "": none */
        c->changes = (int64_t)changes;
        if (!was_taken_back(r, sql))
                return 0;
        snprintf(c->why, sizeof(c->why), "the transaction was taken back");
        return -1;
}

static int run_call(struct connection *c, const struct sv_postgres_call *call, const char *sql,
                    PGresult **r)
{
        bool late;
        int rc;

        *r = sv_postgres_run(c->pg, call, c->limit_ms, &late);
        rc = *r && sv_pq.resultStatus(*r) == PGRES_EMPTY_QUERY ? 0 : take_result(c, *r, sql);
        if (rc < 0 && late)
                snprintf(c->why, sizeof(c->why), "the server has not answered for %lld seconds",
                         (long long)c->limit_ms / 1000);
        return rc;
}

static int exec_postgres(struct sv_sql *s, const char *sql)
{
        const struct sv_postgres_call call = {.sql = sql};
        PGresult *r;
        int rc = run_call(connection_of(s), &call, sql, &r);

        sv_pq.clear(r);
        return rc;
}

static void close_postgres(struct sv_sql *s)
{
        struct connection *c = connection_of(s);

        if (!c)
                return;
        sv_pq.finish(c->pg);
        free(c);
}

static bool is_open_postgres(const struct sv_sql *s)
{
        PGTransactionStatusType status = sv_pq.transactionStatus(connection_of(s)->pg);

        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

/* Each commit waits for the disk: with a standby, what is not there is lost when it takes over, and
 * with it that a nonce was used. */
static int set_durable_postgres(struct sv_sql *s, bool durable)
{
        return 0;
}

static int begin_write_postgres(struct sv_sql *s)
{
        if (exec_postgres(s, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT "
                             "pg_advisory_xact_lock(" LOCK ")") == 0)
                return 0;
        exec_postgres(s, "ROLLBACK");
        return -1;
}

static int begin_read_postgres(struct sv_sql *s)
{
        return exec_postgres(s, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

/* --- statements --- */

/* "?" and "?2" become "$1" and "$2". */
static char *number_values(const char *sql)
{
        SV_BUF out = SV_BUF_NULL;

        for (unsigned next = 1; *sql; sql++) {
                if (*sql != '?') {
                        sv_buf_u8(&out, (uint8_t)*sql);
                } else if (sql[1] >= '1' && sql[1] <= '9') {
                        sv_buf_u8(&out, '$');
                } else {
                        sv_buf_printf(&out, "$%u", next++);
                }
        }
        return out.bad ? NULL : strdup(sv_buf_str(&out));
}

static int prepare_postgres(struct sv_sql *s, struct sv_stmt *q)
{
        struct connection *c = connection_of(s);
        struct statement *t = calloc(1, sizeof(*t));

        if (t)
                t->sql = number_values(q->sql);
        if (!t || !t->sql) {
                snprintf(c->why, sizeof(c->why), "no memory");
                free(t);
                return -1;
        }
        snprintf(t->name, sizeof(t->name), "s%u", ++c->prepared);
        q->q = t;
        return 0;
}

static void drop_result(struct statement *t)
{
        sv_pq.clear(t->result);
        t->result = NULL;
        t->row = -1;
}

static void reset_postgres(struct sv_stmt *q)
{
        struct statement *t = q->q;

        drop_result(t);
        for (int i = 0; i < t->n; i++) {
                sv_wipe(t->params[i].p, (size_t)t->params[i].size);
                free(t->params[i].p);
                t->params[i] = (struct param){NULL};
        }
        t->n = 0;
}

static void finalize_postgres(struct sv_stmt *q)
{
        struct statement *t = q->q;

        reset_postgres(q);
        free(t->sql);
        free(t);
}

static int copy_param(struct param *p, const struct sv_sql_value *v)
{
        char number[24];
        struct sv_bytes from = v->bytes;

        if (v->type == SV_SQL_NULL)
                return 0;
        if (v->type == SV_SQL_INTEGER) {
                snprintf(number, sizeof(number), "%lld", (long long)v->number);
                from = sv_bytes_str(number);
        }
        if (from.n > INT32_MAX / 2)
                return -1;
        p->p = malloc(from.n + 1);
        if (!p->p)
                return -1;
        memcpy(p->p, from.p ? from.p : (const uint8_t *)"", from.n);
        p->p[from.n] = '\0';
        p->size = (int)from.n;
        p->format = v->type == SV_SQL_BLOB;
        return 0;
}

static int bind_postgres(struct sv_stmt *q, const struct sv_sql_value *values, int n)
{
        struct statement *t = q->q;

        for (int i = 0; i < n; i++) {
                t->n = i + 1;
                if (copy_param(&t->params[i], &values[i]) < 0) {
                        snprintf(connection_of(q->of)->why, sizeof(connection_of(q->of)->why),
                                 "no memory");
                        return -1;
                }
        }
        return 0;
}

static int prepare_on_server(struct connection *c, struct statement *t)
{
        const struct sv_postgres_call call = {.sql = t->sql, .name = t->name};
        PGresult *r;
        int rc;

        if (t->number == c->number)
                return 0;
        rc = run_call(c, &call, "", &r);
        sv_pq.clear(r);
        if (rc == 0)
                t->number = c->number;
        return rc;
}

static int run_statement(struct connection *c, struct statement *t)
{
        const char *values[SV_SQL_VALUES_MAX];
        int sizes[SV_SQL_VALUES_MAX], formats[SV_SQL_VALUES_MAX];
        const struct sv_postgres_call call = {
                .name = t->name, .n = t->n, .values = values, .sizes = sizes, .formats = formats};

        for (int i = 0; i < t->n; i++) {
                values[i] = t->params[i].p;
                sizes[i] = t->params[i].size;
                formats[i] = t->params[i].format;
        }
        if (prepare_on_server(c, t) < 0)
                return -1;
        t->row = -1;
        return run_call(c, &call, t->sql, &t->result);
}

static int step_postgres(struct sv_stmt *q)
{
        struct statement *t = q->q;

        if (!t->result && run_statement(connection_of(q->of), t) < 0) {
                drop_result(t);
                return -1;
        }
        if (t->row + 1 >= sv_pq.ntuples(t->result))
                return 0;
        t->row++;
        return 1;
}

static int count_postgres(const struct sv_stmt *q)
{
        return sv_pq.nfields(((struct statement *)q->q)->result);
}

static enum sv_sql_type type_postgres(const struct sv_stmt *q, int column)
{
        const struct statement *t = q->q;

        if (sv_pq.getisnull(t->result, t->row, column))
                return SV_SQL_NULL;
        switch (sv_pq.ftype(t->result, column)) {
        case OID_BYTEA:
                return SV_SQL_BLOB;
        case OID_INT8:
        case OID_INT4:
        case OID_INT2:
        case OID_BOOL:
                return SV_SQL_INTEGER;
        default:
                return SV_SQL_TEXT;
        }
}

static struct sv_bytes value_of(const struct statement *t, int column)
{
        return sv_bytes(sv_pq.getvalue(t->result, t->row, column),
                        (size_t)sv_pq.getlength(t->result, t->row, column));
}

/* The network's order, of 1, 2, 4 or 8 bytes. */
static int64_t number_postgres(const struct sv_stmt *q, int column)
{
        struct sv_bytes raw = value_of(q->q, column);
        uint64_t v = 0;

        if (type_postgres(q, column) != SV_SQL_INTEGER || !raw.n || raw.n > 8)
                return 0;
        if (raw.p[0] & 0x80)
                v = UINT64_MAX;
        for (size_t i = 0; i < raw.n; i++)
                v = v << 8 | raw.p[i];
        return (int64_t)v;
}

static const char *text_postgres(struct sv_stmt *q, int column)
{
        struct statement *t = q->q;

        switch (type_postgres(q, column)) {
        case SV_SQL_NULL:
                return NULL;
        case SV_SQL_INTEGER:
                snprintf(t->decimal, sizeof(t->decimal), "%lld",
                         (long long)number_postgres(q, column));
                return t->decimal;
        default: /* there is a zero behind it */
                return sv_pq.getvalue(t->result, t->row, column);
        }
}

static struct sv_bytes bytes_postgres(struct sv_stmt *q, int column)
{
        return type_postgres(q, column) == SV_SQL_NULL ? SV_BYTES_NULL : value_of(q->q, column);
}

static int64_t changes_postgres(const struct sv_sql *s)
{
        return connection_of(s)->changes;
}

/* --- the schema's version --- */

/* 0 where there is no such table. */
static int read_version_postgres(struct sv_sql *s, int64_t *version)
{
        struct connection *c = connection_of(s);
        SV_STMT *there = NULL;
        SV_STMT *q = NULL;

        *version = 0;
        if (!c->has_version) {
                there = sv_sql_prepare(&s->store,
                                       "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = "
                                       "to_regclass('schema_version')",
                                       NULL, "");
                if (sv_sql_step(&s->store, there, NULL) != 1)
                        return -1;
                if (!sv_sql_number(there, 0))
                        return 0;
                c->has_version = true;
        }
        q = sv_sql_prepare(&s->store, "SELECT max(version) FROM schema_version", NULL, "");
        if (sv_sql_step(&s->store, q, NULL) != 1)
                return -1;
        *version = sv_sql_number(q, 0);
        return 0;
}

static int write_version_postgres(struct sv_sql *s, int64_t version)
{
        SV_STMT *q = NULL;

        if (exec_postgres(s, "DELETE FROM schema_version") < 0)
                return -1;
        q = sv_sql_prepare(&s->store, "INSERT INTO schema_version VALUES (?)", NULL, "i", version);
        return sv_sql_step(&s->store, q, NULL);
}

/* --- the connection --- */

/* What hangs elsewhere holds nobody up for ever. */
static int set_up_session(struct sv_sql *s)
{
        return exec_postgres(s, "SET client_min_messages = warning; SET lock_timeout = 10000;"
                                "SET statement_timeout = 30000;"
                                "SET idle_in_transaction_session_timeout = 30000;"
                                "SET synchronous_commit = on; SET client_encoding = 'UTF8'");
}

/* A server that has ended the connection has sent that it did, and why: both are read. */
static bool is_lost(PGconn *pg)
{
        for (int i = 0; i < READS && sv_pq.status(pg) == CONNECTION_OK; i++) {
                struct pollfd p = {.fd = sv_pq.socket(pg), .events = POLLIN};

                if (poll(&p, 1, 0) <= 0)
                        break;
                sv_pq.consumeInput(pg);
        }
        return sv_pq.status(pg) != CONNECTION_OK;
}

static int renew_postgres(struct sv_sql *s)
{
        struct connection *c = connection_of(s);

        if (!is_lost(c->pg))
                return 0;
        sv_pq.reset(c->pg);
        c->number++;
        c->has_version = false;
        return sv_pq.status(c->pg) == CONNECTION_OK ? set_up_session(s) : keep_why(c, NULL);
}

static int be_patient_postgres(struct sv_sql *s)
{
        connection_of(s)->limit_ms = COPY_MS;
        return exec_postgres(s, "SET statement_timeout = 600000;"
                                "SET idle_in_transaction_session_timeout = 600000");
}

static int read_clock_postgres(struct sv_sql *s, int64_t *now)
{
        SV_STMT *q = sv_sql_prepare(
                &s->store, "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint", NULL, "");

        if (sv_sql_step(&s->store, q, NULL) != 1)
                return -1;
        *now = sv_sql_number(q, 0);
        return 0;
}

static bool is_gone_postgres(const struct sv_sql *s)
{
        return sv_pq.status(connection_of(s)->pg) != CONNECTION_OK;
}

static const struct sv_sql_driver postgres_driver = {
        .close = close_postgres,
        .why = say_why_postgres,
        .exec = exec_postgres,
        .is_open = is_open_postgres,
        .begin_write = begin_write_postgres,
        .begin_read = begin_read_postgres,
        .set_durable = set_durable_postgres,
        .renew = renew_postgres,
        .is_gone = is_gone_postgres,
        .read_version = read_version_postgres,
        .write_version = write_version_postgres,
        .steps = sv_postgres_steps,
        .be_patient = be_patient_postgres,
        .has_cursors = true,
        .read_clock = read_clock_postgres,
        .after_copy = "SELECT setval(pg_get_serial_sequence('audit', 'id'), "
                      "(SELECT coalesce(max(id), 0) + 1 FROM audit), false)",
        .prepare = prepare_postgres,
        .bind = bind_postgres,
        .step = step_postgres,
        .reset = reset_postgres,
        .finalize = finalize_postgres,
        .count = count_postgres,
        .type = type_postgres,
        .number = number_postgres,
        .text = text_postgres,
        .bytes = bytes_postgres,
        .changes = changes_postgres,
};

struct sv_sql *sv_postgres_connect(const char *uri, struct sv_err *err)
{
        struct sv_sql *s;
        struct connection *c;

        if (sv_pq_load(err) < 0)
                return NULL;
        s = calloc(1, sizeof(*s));
        c = calloc(1, sizeof(*c));
        if (!s || !c) {
                sv_fail_errno(err, "base.memory", "no memory for the store");
                free(s);
                free(c);
                return NULL;
        }
        s->driver = &postgres_driver;
        s->db = c;
        c->number = 1;
        c->limit_ms = ANSWER_MS;
        c->pg = sv_postgres_dial(uri);
        if (sv_pq.status(c->pg) == CONNECTION_OK && set_up_session(s) == 0)
                return s;
        if (!*c->why)
                keep_why(c, NULL);
        sv_sql_fail(&s->store, "no connection to the database", err);
        sv_sql_close(&s->store);
        return NULL;
}

/* A broker that has had a database makes no other in silence. */
static int check_tables(struct sv_sql *s, struct sv_err *err)
{
        struct sv_serial outside = {.number = 0};
        int64_t version;

        if (sv_sql_read_version(&s->store, &version, err) < 0)
                return -1;
        if (version)
                return 0;
        if (s->place.serial && sv_serial_read(s->place.serial, &outside, err) < 0)
                return -1;
        if (s->place.key && outside.number <= 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store",
                       "the database has no tables: take a backup back, \"secure-vm-broker "
                       "restore\"");
}

struct sv_sql *sv_postgres_open(const struct sv_store_place *place, struct sv_err *err)
{
        struct sv_sql *s = sv_postgres_connect(place->path, err);

        if (!s)
                return NULL;
        s->place = *place;
        if (check_tables(s, err) == 0 && sv_sql_update(&s->store, err) == 0)
                return s;
        sv_sql_close(&s->store);
        return NULL;
}
