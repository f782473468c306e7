/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the PostgreSQL driver share. */
#pragma once

#include <libpq-fe.h>

#include "broker/store/sql.h"

extern const struct sv_sql_step sv_postgres_steps[]; /* broker/store/postgres-schema.c */

/* libpq, which brings much along, is loaded where a configuration names a server. */
#define SV_PQ_CALLS(call)                                                                          \
        call(clear) call(cmdStatus) call(cmdTuples) call(connectdbParams) call(conninfoFree) call( \
                conninfoParse) call(consumeInput) call(errorMessage) call(finish) call(flush)      \
                call(freemem) call(ftype) call(getResult) call(getisnull) call(getlength)          \
                        call(getvalue) call(isBusy) call(nfields) call(ntuples) call(reset)        \
                                call(resultErrorMessage) call(resultStatus) call(sendPrepare)      \
                                        call(sendQuery) call(sendQueryPrepared)                    \
                                                call(setNoticeProcessor) call(setnonblocking)      \
                                                        call(socket) call(status)                  \
                                                                call(transactionStatus)

extern struct sv_pq_calls {
#define SV_PQ_POINTER(call) __typeof__(&PQ##call) call;
        SV_PQ_CALLS(SV_PQ_POINTER)
#undef SV_PQ_POINTER
} sv_pq;

/* SV_SYSTEM: it is not installed. Before anything else of these files. */
int sv_pq_load(struct sv_err *err);

/* Without a name: `sql`, as it is; with both: prepares; without sql: runs what was prepared. */
struct sv_postgres_call {
        const char *sql, *name;
        int n;
        const char *const *values;
        const int *sizes, *formats;
};

/* As PQexec, PQprepare and PQexecPrepared, in at most `limit_ms`. Later than that the connection is
 * at an end, and what was asked may have been done: `late` says so. NULL: nothing came. The caller
 * clears it. */
PGresult *sv_postgres_run(PGconn *pg, const struct sv_postgres_call *call, int64_t limit_ms,
                          bool *late);
/* A connection, made or not (PQstatus says which); the caller ends it. */
PGconn *sv_postgres_dial(const char *uri);
