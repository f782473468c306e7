/* SPDX-License-Identifier: Apache-2.0 */
/* The policy document: which claims a guest must show before a resource is released
 * (docs/FORMATS.md, "Policy document").
 *
 *   {"version":1, "guest":"demo", "tee":"vtpm", "resource":"default/demo/root",
 *    "trust":{"ek_roots":["-----BEGIN CERTIFICATE-----\n…"]},
 *    "rules":[{"check":"policy.pcr.4", "claim":"/pcrs/sha256/4", "equals":"…hex…",
 * "covers":"executables", "reason":"kernel image …"}, …]}
 *
 * A rule has exactly one operator: "equals" (a string, integer or boolean), "one_of", "none_of"
 * (array of such), "at_least", "at_most" (integer), "bits_set", "bits_clear" ("0x3f"),
 * "present":true, "absent":true. It may have "when" ({"claim":…,"equals":…}): elsewhere it says
 * nothing. "check" begins with "policy." and is unique in the document;
 * "covers" is an AR4SI slot with dashes; all members are needed, none else is allowed but "allow"
 * (names of the TEE's floor that are lifted for this resource: ["debug"]), "lease" (seconds, see
 * sv_policy_lease) and "sets" (of rules, one of which must hold whole: policy/set-form.h) or
 * "reference_set" (the name of such as others have signed: policy/reference.h), and an empty list
 * of rules is refused, unless there are sets: nothing to prove is a mistake, not a grant. */
#pragma once

#include "base/json/json.h"

struct sv_policy;

/* The caller frees *out. SV_FORMAT "policy.<member>" and "policy.rule.<member>". */
int sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err);
void sv_policy_free(struct sv_policy *p);
void sv_policy_freep(struct sv_policy **p);
#define SV_POLICY_DOC __attribute__((cleanup(sv_policy_freep))) struct sv_policy

/* Borrowed. */
const char *sv_policy_guest(const struct sv_policy *p);
const char *sv_policy_tee(const struct sv_policy *p);
const char *sv_policy_resource(const struct sv_policy *p); /* "repo/type/tag" */
/* The i-th text under trust.<kind> ("ek_roots": PEM certificates); NULL past the last. */
const char *sv_policy_trust(const struct sv_policy *p, const char *kind, size_t i);
/* The whole object, by kind. */
const struct sv_json *sv_policy_anchors(const struct sv_policy *p);
/* Has `trust` members among these only (ending with NULL)? A member that no check reads must not be
 * accepted in silence: SV_FORMAT "policy.trust.unknown". */
int sv_policy_check_trust(const struct sv_policy *p, const char *const *kinds, struct sv_err *err);
/* Does `allow` name this? ("debug": what the TEE's floor refuses, lifted for this resource.) */
bool sv_policy_allows(const struct sv_policy *p, const char *name);
/* What it lifts, an array of names; NULL: nothing. */
const struct sv_json *sv_policy_allowed(const struct sv_policy *p);
/* Has `allow` only names of this list (ending with NULL)? SV_FORMAT "policy.allow.unknown". */
int sv_policy_check_allow(const struct sv_policy *p, const char *const *names, struct sv_err *err);
/* The array of checks whose rules release what they do not hold for, with a warning ("warn"); NULL:
 * none. */
const struct sv_json *sv_policy_warned(const struct sv_policy *p);
bool sv_policy_warns(const struct sv_policy *p, const char *check);
/* Is it one of these, or below one of them (JSON pointers, NULL ends)? */
bool sv_claim_is_below(const char *claim, const char *const *claims);
/* Each of them is a rule's, about one of `claims` (JSON pointers, with all below them; NULL ends)
 * or what a reference set says, and a rule about one of `tells` is left that decides. SV_FORMAT
 * "policy.warn.unknown", "policy.warn.must", "policy.warn.nothing". */
int sv_policy_check_warn(const struct sv_policy *p, const char *const *claims,
                         const char *const *tells, struct sv_err *err);
/* For how many seconds a report keeps the resource's disk for its guest; 0: several guests may have
 * it at a time. SV_LEASE_S unless the document says it. */
int64_t sv_policy_lease(const struct sv_policy *p);
/* The array of rules, checked: those that hold in every set, when there are sets. */
const struct sv_json *sv_policy_rules(const struct sv_policy *p);
/* The array of sets, checked (policy/set-form.h); NULL: none. */
const struct sv_json *sv_policy_sets(const struct sv_policy *p);
/* The name of the reference set whose tuples are its sets (policy/reference.h): it releases nothing
 * before they are in it. NULL: it names none. */
const char *sv_policy_reference(const struct sv_policy *p);
/* The policy that is left when one set is chosen: its rules are the policy's and then the set's; it
 * has no sets. Borrowed; NULL past the last. */
const struct sv_policy *sv_policy_with_set(const struct sv_policy *p, size_t i);

struct sv_policy_parts {
        const char *guest, *tee, *resource;
        struct sv_json *rules, *trust; /* what a TEE's policy function filled */
        struct sv_json *allow;         /* what its allow function did; left out when it is empty */
        int64_t lease;                 /* left out when it is SV_LEASE_S */
        const char *reference;         /* the reference set that it names; NULL: none */
        struct sv_json *warn;          /* the checks that only warn; NULL or empty: none */
};
/* Builds a document from its parts, which stay the caller's, checks it as sv_policy_parse does and
 * appends its text to `out`. */
int sv_policy_write_parts(const struct sv_policy_parts *parts, struct sv_buf *out,
                          struct sv_err *err);
/* With the default lease. */
int sv_policy_write_allowing(const char *guest, const char *tee, const char *resource,
                             struct sv_json *rules, struct sv_json *trust, struct sv_json *allow,
                             struct sv_buf *out, struct sv_err *err);
/* The same without `allow`. */
int sv_policy_write(const char *guest, const char *tee, const char *resource, struct sv_json *rules,
                    struct sv_json *trust, struct sv_buf *out, struct sv_err *err);
