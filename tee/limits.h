/* SPDX-License-Identifier: Apache-2.0 */
/* What a proof cannot show, whatever a policy's author wishes: the claims' "limits"
 * (policy/evaluate.h). docs/THREATS.md has a row for each, which a lint rule compares with the
 * calls. Pure. */
#pragma once

#include "base/json/json.h"

/* Keeps the slot at "no claim" at best and puts the reason into the verdict. `unless` is the claim
 * that a rule must be about to lift the limit; NULL: nothing lifts it. */
void sv_claims_limit(struct sv_json *claims, const char *slot, const char *reason,
                     const char *unless);

/* Of every TEE that protects against the host. */
#define SV_LIMIT_OUTSIDE                                                                     \
        "clock, network and devices are the host's: dates of certificates are checked by a " \
        "clock that it sets"
