/* SPDX-License-Identifier: Apache-2.0 */
/* So much in a time for everybody together, and less for each source, so that one source never has
 * all of it. Pure; a budget may lie in shared memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SV_BUDGET_SOURCES 256 /* sources that are counted: the one that spent longest ago goes */

struct sv_rate {
        int64_t interval_us; /* one more in so much time; 0: no limit */
        int64_t burst;       /* so many at once after a pause */
};

struct sv_budget {
        int64_t until_us; /* what was spent lasts until then (GCRA, ITU-T I.371) */
        struct sv_spent {
                uint64_t source;
                int64_t until_us;
        } sources[SV_BUDGET_SOURCES];
};

bool sv_budget_has(struct sv_budget *b, const struct sv_rate *all, const struct sv_rate *each,
                   uint64_t source, int64_t now_us);
/* Both rates are asked, and both or none is charged. The clock is any that does not go back. A
 * zeroed budget is a fresh one. */
bool sv_budget_take(struct sv_budget *b, const struct sv_rate *all, const struct sv_rate *each,
                    uint64_t source, int64_t now_us);
