/* SPDX-License-Identifier: Apache-2.0 */
/* Policies with sets of rules of which one must hold whole (policy/set-form.h). Pure. */
#pragma once

#include "policy/evaluate.h"

/* sv_policy_evaluate_above, for policies with sets too: with the set of the highest generation that
 * holds at `time` (seconds since 1970) and is neither retired nor outside of its time; the verdict
 * then has a reason "policy.set" that names it. When none does, the verdict and the error are those
 * of the set that is nearest: SV_POLICY "policy.set.retired", "policy.set.early",
 * "policy.set.late" for one whose rules all hold, otherwise the first failed rule of the set with
 * the fewest. */
int sv_policy_evaluate_sets(const struct sv_policy *p, const struct sv_json *floor,
                            const struct sv_json *claims, int64_t time, struct sv_verdict *out,
                            struct sv_err *err);

/* Why a set whose rules hold releases nothing at `time`: SV_POLICY "policy.set.retired",
 * "policy.set.early", "policy.set.late". 0 when it does. */
int sv_set_check_current(const struct sv_json *set, int64_t time, struct sv_err *err);
