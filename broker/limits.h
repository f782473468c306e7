/* SPDX-License-Identifier: Apache-2.0 */
/* What strangers may make the broker do in a minute: write audit records, ask the makers' servers.
 * Counted in memory that the listener shares with its processes. One source gets a quarter. */
#pragma once

#include "base/core/err.h"
#include "broker/budget.h"

/* The source, or all, had as much collateral fetched as may be in a minute. */
#define SV_CHECK_FETCHES "broker.collateral.budget"

struct sv_limits;

enum sv_limited {
        SV_LIMIT_RECORDS,  /* audit records of who has proven nothing */
        SV_LIMIT_ATTESTED, /* of accepted evidence: anybody makes a root of their own */
        SV_LIMIT_FETCHES,  /* questions to the makers' servers, for anybody */
        SV_LIMIT_UNKNOWN,  /* of them, about chips of which no proof held yet */
        SV_N_LIMITS
};

int sv_limits_open(struct sv_limits **out, struct sv_err *err);
/* The descriptor that must stay open for the lock to work. */
int sv_limits_lock(const struct sv_limits *l);
void sv_limits_free(struct sv_limits *l);
/* false: the minute's are spent. l may be NULL: no limits. `share`: a source gets a quarter. */
bool sv_limits_take(struct sv_limits *l, enum sv_limited what, int64_t per_minute, bool share,
                    uint64_t source);
/* How many records were not written since this was last asked. */
uint64_t sv_limits_unrecorded(struct sv_limits *l);
