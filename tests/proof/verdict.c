/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the tiers are AR4SI's ranges (section 2.3.2); the status of a vector is the worst of its
 *         claims: affirming only where one is and none is worse, and it never gets better when a
 *         claim gets worse; names and values of tiers and slots go back and forth.
 * for:    every vector, every claim
 * stubs:  texts of errors
 * unwind: 9
 * loops:  strcmp.0:20
 * fault:  `tier > worst` => `tier != worst`
 * fault:  `claim <= 31` => `claim <= 32`
 */
#include "proof.h"
#include "stub_err.h"

#include "policy/verdict.c"

static enum sv_tier expected(int8_t c)
{
        if (c == -1 || c == 0 || c == 1)
                return SV_TIER_NONE;
        if ((c >= 2 && c <= 31) || (c >= -32 && c <= -2))
                return SV_TIER_AFFIRMING;
        if ((c >= 32 && c <= 95) || (c >= -96 && c <= -33))
                return SV_TIER_WARNING;
        return SV_TIER_CONTRAINDICATED;
}

void prove(void)
{
        struct sv_verdict v, worse;
        enum sv_slot slot = any_below(SV_SLOTS);
        enum sv_tier t = any_below(SV_TIER_CONTRAINDICATED + 1), back;
        bool some = false, bad = false;

        PROVE(sv_tier_of(v.vector[slot]) == expected(v.vector[slot]));
        for (int i = 0; i < SV_SLOTS; i++) {
                some |= expected(v.vector[i]) == SV_TIER_AFFIRMING;
                bad |= expected(v.vector[i]) > SV_TIER_AFFIRMING;
        }
        PROVE((sv_verdict_status(&v) == SV_TIER_AFFIRMING) == (some && !bad));
        worse = v;
        worse.vector[slot] = (int8_t)nondet_u8();
        ASSUME(expected(worse.vector[slot]) >= expected(v.vector[slot]));
        PROVE(sv_verdict_status(&worse) >= sv_verdict_status(&v));
        PROVE(sv_slot_by_name(sv_slot_name(slot)) == slot);
        PROVE(sv_tier_by_name(sv_tier_name(t), &back) && back == t);
}
