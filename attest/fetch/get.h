/* SPDX-License-Identifier: Apache-2.0 */
/* One URL asked for, with patience and within bounds. */
#pragma once

#include "attest/fetch/fetch.h"

/* `deadline` in f's milliseconds. Asks again after 5xx and network faults (1, 2, 4 … seconds later)
 * and after 429 (when the server says), at most SV_FETCH_TRIES times (three when no server
 * answers), and never waits beyond the deadline: then SV_SYSTEM "collateral.busy" with the time to
 * come back, which the cache keeps, so that no process asks before. out->status is 200. */
int sv_fetch_get(const struct sv_fetch *f, const char *url, bool mirrored, int64_t deadline,
                 struct sv_got *out, struct sv_err *err);
