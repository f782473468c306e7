/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that learns a new state of its guest beside the ones that it accepts, and forgets the
 * old ones later: policy/set-form.h. Pure: documents in, a document out. */
#pragma once

#include "policy/policy.h"

/* Names for people: of the state that `kept` describes by its rules, when it has no sets yet, and
 * of the new one. */
struct sv_update_names {
        const char *before, *after;
};

/* Appends to `out` the policy `kept` with one more set, of the next generation (*generation): what
 * `predicted`, the policy that is written for the guest today, asks of it. A rule that both have
 * word for word, and one that only `kept` has, stays a rule of every set; one that both have and
 * that differs goes into the sets. Anchors of both are trusted. The oldest retired set goes when
 * there would be more than SV_POLICY_SETS_MAX.
 *
 * SV_USAGE "policy.update.same": `kept` accepts that state already, by the set of *generation (0:
 * by its rules). SV_USAGE "policy.update.retired" when it is one that was retired, unless `again`.
 * SV_USAGE "policy.update.other": the policies are for different resources, TEEs or floors, or
 * differ in a rule that is no "equals", which somebody may have made stricter by hand.
 * SV_USAGE "policy.update.full": no set is retired. */
int sv_policy_add_set(const struct sv_policy *kept, const struct sv_policy *predicted,
                      const struct sv_update_names *names, bool again, struct sv_buf *out,
                      int64_t *generation, struct sv_err *err);

/* How many anchors `kept` has that `predicted` has not: they stay trusted. */
size_t sv_policy_count_other_anchors(const struct sv_policy *kept,
                                     const struct sv_policy *predicted);

/* Appends the policy with every set but those of `generation` and above retired; *retired says how
 * many are now that were not. */
int sv_policy_retire_sets(const struct sv_policy *kept, int64_t generation, struct sv_buf *out,
                          size_t *retired, struct sv_err *err);
