/* SPDX-License-Identifier: Apache-2.0 */
/* Verification and policy in one call, for `secure-vm verify` and the broker. Pure: everything
 * comes in as arguments. */
#pragma once

#include "attest/tees.h"
#include "policy/evaluate.h"

/* The trust anchors that a policy names for this TEE ("ek_roots" as blobs of kind "ek-root"); they
 * point into the policy. */
void sv_blobs_add_trust(struct sv_blobs *b, const struct sv_tee_verify *tee,
                        const struct sv_policy *policy);

/* Does this TEE look at each kind of anchor that the policy names? SV_FORMAT
 * "policy.trust.unknown". */
int sv_tee_check_trust(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                       struct sv_err *err);
/* And can it read each anchor? Also SV_FORMAT, as the TEE calls it. */
int sv_tee_check_anchors(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                         struct sv_err *err);

/* The names that a policy for this TEE may list in `allow`. SV_FORMAT "policy.allow.unknown". */
int sv_tee_check_allow(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                       struct sv_err *err);
/* The checks that it may list in `warn`: sv_policy_check_warn. */
int sv_tee_check_warn(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                      struct sv_err *err);

/* For claims of evidence that was verified with any_root: whether this policy is for guests on this
 * TEE, whether the root that verified is the maker's or one that this policy names, and then the
 * TEE's floor and the rules. *verdict as below. SV_POLICY "policy.tee", SV_PROOF of the TEE's
 * confirm_root. */
int sv_appraise_claims(const struct sv_tee_verify *tee, const struct sv_policy *policy,
                       struct sv_json *claims, int64_t time, struct sv_verdict *verdict,
                       struct sv_err *err);

/* Verifies with in->collateral and, when policy is given, its trust anchors; then evaluates it.
 * *claims (the caller frees) is filled as soon as the proof holds, also when the policy then says
 * no; *verdict likewise, with a policy. Without a policy the verdict holds only what the claims'
 * limits say. SV_POLICY "policy.tee" when the policy is for another TEE. */
int sv_appraise(const struct sv_evidence *e, const struct sv_verify_in *in,
                const struct sv_policy *policy, struct sv_json **claims, struct sv_verdict *verdict,
                struct sv_err *err);
