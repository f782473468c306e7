/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets: the values that an image shows, said once by whoever makes it, for the policies
 * of any number of guests. Pure. That its author has signed it: attest/jose/reference.h.
 *
 *   {"version":1, "name":"vendor/reference/web", "tee":"vtpm", "generation":12,
 *    "any_of":[{"image":"6.1.0-57", "generation":12, "not_before":"2026-12-01T00:00:00Z",
 *               "not_after":"2027-06-01T00:00:00Z", "retired":true,
 *               "values":{"/pcrs/sha256/4":"…hex…", "/pcrs/sha256/9":"…hex…"}}, …]}
 *
 * `name` is repository/type/tag, under which policies name it ("reference_set"), and `generation`
 * that of the whole: each that follows has a higher one. Of `any_of` one whole tuple must be what
 * the guest shows: it becomes a set of the policy (policy/set-form.h), named by its image, with one
 * rule "equals" for each value. Each tuple has values of the same claims, so that none says less
 * than another, and a generation of its own, which is not above the whole's. */
#pragma once

#include "policy/policy.h"

/* The caller frees *out. SV_FORMAT "reference.<member>"; what would be wrong with a policy's set is
 * refused as there ("policy.sets.<what>", "policy.rule.<what>"). */
int sv_reference_parse(struct sv_bytes text, struct sv_json **out, struct sv_err *err);
/* Of one that was parsed; borrowed. */
const char *sv_reference_name(const struct sv_json *reference);
const char *sv_reference_tee(const struct sv_json *reference);
int64_t sv_reference_generation(const struct sv_json *reference);
/* What the rule about this claim is called in a policy that names a set: "/pcrs/sha256/4" is
 * "policy.reference.pcrs.sha256.4", so that a refusal names the claim. The caller frees. */
char *sv_reference_check_name(const char *claim);
/* The policy of `text`, which names this set, with the set's tuples in place of the name: what is
 * evaluated. The caller frees. SV_FORMAT "reference.name" and "reference.tee" when it is another
 * one. */
int sv_reference_join(struct sv_bytes text, const struct sv_json *reference, struct sv_policy **out,
                      struct sv_err *err);
