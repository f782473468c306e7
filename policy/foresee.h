/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy will say to a guest that has not started yet. Pure.
 *
 * The policy that is written for a guest (secure-vm policy) says by its rules with "equals" what
 * the guest will show. Another policy's rules are held against these values. */
#pragma once

#include "policy/policy.h"

/* Of a policy with sets the nearest counts, of those that are accepted at `time` (seconds since
 * 1970) before others; then also SV_POLICY "policy.set.retired", "policy.set.early",
 * "policy.set.late".
 *
 * `kept` is the policy that decides, `predicted` the one that would be written for the guest today.
 * Adds one row per rule of `kept` to *rows (array), in order:
 * {"check":…,"reason":…,"outcome":"holds"|"fails"|"warns"|"not predicted"}, with "operator",
 * "expected" (what the policy's rule has there) and "found" (the value; null: no such claim) unless
 * nothing is predicted: minimum versions and the like are known only when the platform has shown
 * them.
 *
 * 0 when no rule fails. SV_POLICY otherwise: the first failed rule's check; "policy.tee" and
 * "policy.resource" when `kept` is for other evidence or for another resource (no rows then);
 * "policy.trust" when it lacks an anchor that the guest's evidence needs. */
int sv_policy_foresee(const struct sv_policy *kept, const struct sv_policy *predicted, int64_t time,
                      struct sv_json *rows, struct sv_err *err);
