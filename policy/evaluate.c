/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/evaluate.h"

#include "policy/rule.h"
#include "policy/updates.h"

/* What a slot may say at best, when all its rules hold: the registry of AR4SI section 2.3.4
 * (approved configuration, approved boot, approved files, genuine hardware, encrypted memory, …).
 */
static const int8_t affirmed[SV_SLOTS] = {
        [SV_SLOT_INSTANCE_IDENTITY] = 2, [SV_SLOT_CONFIGURATION] = 2, [SV_SLOT_EXECUTABLES] = 3,
        [SV_SLOT_FILE_SYSTEM] = 2,       [SV_SLOT_HARDWARE] = 2,      [SV_SLOT_RUNTIME_OPAQUE] = 2,
        [SV_SLOT_STORAGE_OPAQUE] = 2,    [SV_SLOT_SOURCED_DATA] = 2,
};

/* And when one does not hold: always contraindicated. The registry has milder values (33, "some
 * unrecognized executables"), but who reads only the status must not take a refusal for a warning.
 */
static const int8_t refused[SV_SLOTS] = {
        [SV_SLOT_INSTANCE_IDENTITY] = 97, [SV_SLOT_CONFIGURATION] = 96,
        [SV_SLOT_EXECUTABLES] = 96,       [SV_SLOT_FILE_SYSTEM] = 96,
        [SV_SLOT_HARDWARE] = 97,          [SV_SLOT_RUNTIME_OPAQUE] = 96,
        [SV_SLOT_STORAGE_OPAQUE] = 96,    [SV_SLOT_SOURCED_DATA] = 96,
};

/* And when one does not hold that the policy lifts, or that only warns: "unsafe" in the registry's
 * words. */
#define LIFTED 32

/* What a rule that does not hold does. */
enum weight { REFUSES, WARNS, IS_LIFTED };

static enum weight weigh_rule(const struct sv_policy *p, const struct sv_json *rule)
{
        return sv_policy_warns(p, sv_json_str(sv_json_get(rule, "check"))) ? WARNS : REFUSES;
}

/* It stands in the verdict, and says nothing about its slot. */
static void skip_rule(const struct sv_json *rule, struct sv_verdict *v)
{
        struct sv_json *row =
                sv_verdict_reason(v, sv_json_str(sv_json_get(rule, "check")),
                                  sv_slot_by_name(sv_json_str(sv_json_get(rule, "covers"))), true,
                                  sv_json_str(sv_json_get(rule, "reason")));

        sv_json_set_str(row, "claim", sv_json_str(sv_json_get(rule, "claim")));
        sv_json_set_bool(row, "applies", false);
}

static void evaluate_rule(const struct sv_json *rule, const struct sv_json *claims,
                          enum weight weight, struct sv_verdict *v, struct sv_err *first)
{
        const char *check = sv_json_str(sv_json_get(rule, "check"));
        const char *claim = sv_json_str(sv_json_get(rule, "claim"));
        const char *reason = sv_json_str(sv_json_get(rule, "reason"));
        enum sv_slot slot = sv_slot_by_name(sv_json_str(sv_json_get(rule, "covers")));
        SV_BUF expected = SV_BUF_NULL;
        SV_BUF found = SV_BUF_NULL;
        SV_BUF updates = SV_BUF_NULL;
        bool held = sv_rule_holds(rule, claims, &expected, &found);
        struct sv_json *row = sv_verdict_reason(v, check, slot, held, reason);

        sv_json_set_str(row, "claim", claim);
        sv_json_set_str(row, "expected", sv_buf_str(&expected));
        sv_json_set_str(row, "found", sv_buf_str(&found));
        if (weight == IS_LIFTED)
                sv_json_set_bool(row, "lifted", true);
        if (weight == WARNS && !held)
                sv_json_set_bool(row, "warned", true);
        if (weight != REFUSES && !held) {
                if (sv_tier_of(v->vector[slot]) < SV_TIER_WARNING)
                        v->vector[slot] = LIFTED;
        } else if (held) {
                if (v->vector[slot] == 0)
                        v->vector[slot] = affirmed[slot];
        } else {
                v->vector[slot] = refused[slot];
                if (first->class)
                        return;
                sv_claim_updates(claims, claim, &updates);
                sv_fail(first, SV_POLICY, check, "%s: %s: expected %.300s, found %.300s%.400s",
                        reason, claim, sv_buf_str(&expected), sv_buf_str(&found),
                        sv_buf_str(&updates));
        }
}

struct limits {
        struct sv_verdict *verdict;
        const struct sv_policy *policy; /* NULL: none, and no rules */
        const struct sv_json *rules;
        const struct sv_json *claims;
};

/* Does a rule say what this claim must be? */
static bool is_ruled(const struct limits *l, const char *claim)
{
        for (size_t i = 0; i < sv_json_len(l->rules); i++) {
                const struct sv_json *rule = sv_json_at(l->rules, i);

                if (sv_rule_applies(rule, l->claims) && weigh_rule(l->policy, rule) == REFUSES &&
                    strcmp(sv_json_str(sv_json_get(rule, "claim")), claim) == 0 &&
                    (sv_json_get(rule, "equals") || sv_json_get(rule, "one_of")))
                        return true;
        }
        return false;
}

/* What the verifier says its proof cannot show stays "no claim", at best. */
static int apply_claim_limit(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        const struct limits *l = arg;
        struct sv_verdict *v = l->verdict;
        enum sv_slot slot = sv_slot_by_name(name);
        const char *unless = sv_json_str(sv_json_get(value, "unless"));
        const char *reason = sv_json_str(unless ? sv_json_get(value, "reason") : value);

        if (slot == SV_SLOTS || !reason)
                return sv_fail(err, SV_FORMAT, "policy.limits",
                               "expected AR4SI claims with a reason each in the claims' limits, "
                               "found \"%.64s\"",
                               name);
        if (unless && is_ruled(l, unless))
                return 0;
        if (sv_tier_of(v->vector[slot]) == SV_TIER_AFFIRMING)
                v->vector[slot] = 0;
        sv_verdict_reason(v, "policy.limits", slot, true, reason);
        return 0;
}

static int apply_claim_limits(const struct sv_json *claims, const struct sv_policy *policy,
                              struct sv_verdict *v, struct sv_err *err)
{
        const struct sv_json *limits = sv_json_get(claims, "limits");
        struct limits l = {v, policy, policy ? sv_policy_rules(policy) : NULL, claims};

        return limits ? sv_json_each(limits, apply_claim_limit, &l, err) : 0;
}

int sv_policy_limits(const struct sv_json *claims, struct sv_verdict *out, struct sv_err *err)
{
        struct sv_verdict v = {0};

        if (apply_claim_limits(claims, NULL, &v, err) < 0) {
                sv_verdict_free(&v);
                return -1;
        }
        *out = v;
        return 0;
}

int sv_policy_evaluate(const struct sv_policy *p, const struct sv_json *claims,
                       struct sv_verdict *out, struct sv_err *err)
{
        return sv_policy_evaluate_above(p, NULL, claims, out, err);
}

const char *sv_floor_name(const struct sv_json *rule)
{
        const char *check = sv_json_str(sv_json_get(rule, "check"));

        return strrchr(check, '.') + 1;
}

static void evaluate_floor(const struct sv_policy *p, const struct sv_json *floor,
                           const struct sv_json *claims, struct sv_verdict *v, struct sv_err *first)
{
        for (size_t i = 0; i < sv_json_len(floor); i++) {
                const struct sv_json *rule = sv_json_at(floor, i);
                const char *name = sv_floor_name(rule);

                evaluate_rule(rule, claims, sv_policy_allows(p, name) ? IS_LIFTED : REFUSES, v,
                              first);
        }
}

int sv_policy_evaluate_above(const struct sv_policy *p, const struct sv_json *floor,
                             const struct sv_json *claims, struct sv_verdict *out,
                             struct sv_err *err)
{
        const struct sv_json *rules = sv_policy_rules(p);
        struct sv_verdict v = {0};
        struct sv_err first = SV_ERR_NULL;

        if (sv_policy_sets(p)) /* its own rules alone would release too much */
                return sv_fail(err, SV_POLICY, "policy.sets",
                               "one of the policy's sets was not chosen");
        if (sv_policy_reference(p))
                return sv_fail(err, SV_POLICY, "policy.reference",
                               "what the policy accepts stands in reference set %s, which is not "
                               "here: the broker has it",
                               sv_policy_reference(p));
        for (size_t i = 0; i < sv_json_len(rules); i++)
                if (sv_rule_applies(sv_json_at(rules, i), claims))
                        evaluate_rule(sv_json_at(rules, i), claims,
                                      weigh_rule(p, sv_json_at(rules, i)), &v, &first);
                else
                        skip_rule(sv_json_at(rules, i), &v);
        if (floor)
                evaluate_floor(p, floor, claims, &v, &first);
        if (apply_claim_limits(claims, p, &v, err) < 0) {
                sv_verdict_free(&v);
                return -1;
        }
        *out = v;
        if (!first.class)
                return 0;
        if (err)
                *err = first;
        return -1;
}
