/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral that was fetched for one guest and proved it a moment ago, for the next ones of the
 * same need: guests that boot together need not each have a process that reads the same files. In
 * the keeper, who reads none of it: bytes for the verifier, found by the bytes of what was asked
 * for. */
#pragma once

#include "base/core/buf.h"

#define SV_RECENT_MS   2000       /* from when it was fetched */
#define SV_RECENT_MAX  16         /* of them */
#define SV_RECENT_SIZE (1u << 20) /* bytes of one */

struct sv_recent {
        struct sv_recent_entry {
                struct sv_buf needs, blobs, note;
                int64_t fetched_ms;
        } list[SV_RECENT_MAX];
};

/* NULL: none, or r is. Valid until the next sv_recent_keep. Of the monotonic clock. */
const struct sv_recent_entry *sv_recent_find(const struct sv_recent *r, struct sv_bytes needs,
                                             int64_t now_ms);
/* In place of the oldest. Copies; what is too large is not kept. */
void sv_recent_keep(struct sv_recent *r, struct sv_bytes needs, struct sv_bytes blobs,
                    struct sv_bytes note, int64_t fetched_ms);
void sv_recent_free(struct sv_recent *r);
