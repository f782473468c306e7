/* SPDX-License-Identifier: Apache-2.0 */
/* Rules over claims. Pure. */
#pragma once

#include "policy/policy.h"
#include "policy/verdict.h"

/* Of a policy without sets (policy/sets.h evaluates those; here they are SV_POLICY "policy.sets").
 *
 * 0 when every rule holds. Otherwise -1, SV_POLICY with the first failed rule's check and what was
 * expected and found. In both cases *out (zeroed before) is filled with the vector and one reason
 * per rule; the caller frees it.
 *
 * A slot whose rules all hold is affirming, a slot with a failed rule is contraindicated. The
 * verifier may say in the claims what its proof cannot show, whatever a policy's author wishes:
 * "limits":{"<slot>":"<reason>"} keeps that slot at "no claim" at best and puts the reason into the
 * verdict (a vTPM run by the host: instance-identity, hardware).
 * "limits":{"<slot>":{"reason":"<reason>","unless":"<claim>"}} does so unless a rule says what that
 * claim must be ("equals", "one_of"). */
int sv_policy_evaluate(const struct sv_policy *p, const struct sv_json *claims,
                       struct sv_verdict *out, struct sv_err *err);

/* What `allow` calls a floor's rule: what follows the last dot of its check. */
const char *sv_floor_name(const struct sv_json *rule);

/* The same above a floor, which comes behind the rules: an array of rules of the TEE's own that
 * count under every policy, each called policy.floor.<name>. One that does not hold and that the
 * policy lifts by name ("allow") does not refuse, and its slot is a warning at best. What was
 * lifted is marked in its reason: "lifted":true. NULL floor: none. A rule that only warns ("warn")
 * does the same, and is marked "warned":true when it does not hold. */
int sv_policy_evaluate_above(const struct sv_policy *p, const struct sv_json *floor,
                             const struct sv_json *claims, struct sv_verdict *out,
                             struct sv_err *err);

/* Only the limits that the claims name, without any rule: what an appraisal without a policy can
 * say. */
int sv_policy_limits(const struct sv_json *claims, struct sv_verdict *out, struct sv_err *err);
