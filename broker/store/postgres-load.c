/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/library.h"
#include "broker/store/postgres.h"

struct sv_pq_calls sv_pq;

static const struct sv_library_call calls[] = {
#define PQ_ROW(call) {"PQ" #call, offsetof(struct sv_pq_calls, call)},
        SV_PQ_CALLS(PQ_ROW)
#undef PQ_ROW
};

static struct sv_library library = {
        .sonames = {"libpq.so.5"},
        .check = "broker.store.libpq",
        .advice = "a database in PostgreSQL is reached through it; install libpq5",
        .calls = calls,
        .n = sizeof(calls) / sizeof(calls[0]),
        .table = &sv_pq,
        .lock = PTHREAD_MUTEX_INITIALIZER,
};

int sv_pq_load(struct sv_err *err)
{
        return sv_library_load(&library, err);
}
