/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the server: its address, and statements with a limit on how long the server may take.
 * Its own limits do not hold for COMMIT, which waits for a standby without an end, nor where the
 * machine or the way to it is gone. */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/core/clock.h"
#include "broker/store/postgres.h"

/* False when `end` came before. */
static bool wait_for_server(PGconn *pg, bool writes, int64_t end)
{
        struct pollfd p = {.fd = sv_pq.socket(pg), .events = writes ? POLLIN | POLLOUT : POLLIN};
        int64_t left = end - sv_clock_ms();

        if (left <= 0)
                return false;
        poll(&p, 1, (int)left);
        return true;
}

/* Ends it as the server would, so that libpq knows: what waits gets an error. */
static void cut_connection(PGconn *pg)
{
        shutdown(sv_pq.socket(pg), SHUT_RDWR);
        while (sv_pq.status(pg) == CONNECTION_OK && sv_pq.consumeInput(pg))
                ;
}

/* Until there is a whole result, or the connection is gone. */
static bool receive_result(PGconn *pg, int64_t end)
{
        int unsent = 1;

        do {
                if (unsent)
                        unsent = sv_pq.flush(pg);
                if (unsent < 0 || !sv_pq.isBusy(pg))
                        return true;
                if (!wait_for_server(pg, unsent > 0, end))
                        return false;
        } while (sv_pq.consumeInput(pg));
        return true;
}

/* The last of them, as PQexec; what fails is the last. */
static PGresult *take_last(PGconn *pg, int64_t end, bool *late)
{
        PGresult *last = NULL, *r;

        for (;;) {
                if (!receive_result(pg, end)) {
                        *late = true;
                        cut_connection(pg);
                }
                r = sv_pq.getResult(pg);
                if (!r)
                        return last;
                sv_pq.clear(last);
                last = r;
                if (sv_pq.resultStatus(r) == PGRES_COPY_IN ||
                    sv_pq.resultStatus(r) == PGRES_COPY_OUT)
                        return last; /* nobody here asks for one */
        }
}

PGresult *sv_postgres_run(PGconn *pg, const struct sv_postgres_call *call, int64_t limit_ms,
                          bool *late)
{
        int64_t end = sv_clock_ms() + limit_ms;
        int sent;

        *late = false;
        sv_pq.setnonblocking(pg, 1); /* a new connection waits until all is sent */
        if (!call->name)
                sent = sv_pq.sendQuery(pg, call->sql);
        else if (call->sql)
                sent = sv_pq.sendPrepare(pg, call->name, call->sql, 0, NULL);
        else
                sent = sv_pq.sendQueryPrepared(pg, call->name, call->n, call->values, call->sizes,
                                               call->formats, 1);
        return sent ? take_last(pg, end, late) : NULL;
}

bool sv_postgres_is(const char *path)
{
        return !strncmp(path, "postgresql://", 13) || !strncmp(path, "postgres://", 11);
}

int sv_postgres_check(const char *uri, struct sv_err *err)
{
        char *why = NULL;
        PQconninfoOption *options;
        bool secret = false;

        if (sv_pq_load(err) < 0)
                return -1;
        options = sv_pq.conninfoParse(uri, &why);
        for (const PQconninfoOption *o = options; o && o->keyword; o++)
                if ((!strcmp(o->keyword, "password") || !strcmp(o->keyword, "sslpassword")) &&
                    o->val && *o->val)
                        secret = true;
        if (!options)
                sv_fail(err, SV_USAGE, "broker.config.database", "\"database\": %.*s",
                        why ? (int)strcspn(why, "\n") : 9, why ? why : "no memory");
        else if (secret)
                sv_fail(err, SV_USAGE, "broker.config.database",
                        "\"database\" holds a password: put it into a file with the mode 0600, "
                        "and name that by \"passfile=\" in the address");
        sv_pq.conninfoFree(options);
        sv_pq.freemem(why);
        return !options || secret ? -1 : 0;
}

/* Lines on stderr are of the audit record, or have their form. */
static void drop_notice(void *context, const char *message)
{
}

/* So that a server that does not answer is known, also where nothing is being sent to it. Of two
 * that have one name the later counts: what the address says goes before all of this. */
PGconn *sv_postgres_dial(const char *uri)
{
        static const char *const names[] = {"connect_timeout",  "tcp_user_timeout",
                                            "keepalives_idle",  "keepalives_interval",
                                            "keepalives_count", "fallback_application_name",
                                            "dbname",           NULL};
        const char *const values[] = {"10", "10000", "10", "5", "2", "secure-vm-broker", uri, NULL};
        PGconn *pg = sv_pq.connectdbParams(names, values, 1);

        sv_pq.setNoticeProcessor(pg, drop_notice, NULL);
        return pg;
}
