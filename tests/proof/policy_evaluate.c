/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a policy releases exactly when every rule that applies holds and the claims' limits are
 *         well formed; a verdict whose status is affirming means that every such rule held, and
 *         nothing is said of a slot that none covers; another rule never turns a refusal into a
 *         release and makes no slot better, and a limit takes an affirmation away and nothing
 *         else, unless a rule that applies says what the claim must be that the limit waits for.
 * for:    every policy of up to 3 rules and every one of them without its last rule, each of any
 *         slot and of one of two claims, claims with up to 2 limits, with or without a condition
 * stubs:  texts of errors; whether a rule applies and holds (any answer: rule_holds.c); JSON: a
 *         list of rules and an object of limits as they stand in a document that was checked
 * unwind: 9
 * fault:  `v->vector[slot] = refused[slot];` => ``
 * fault:  `if (!first.class)` => `if (first.class)`
 * fault:  `if (v->vector[slot] == 0)` => ``
 * fault:  `if (sv_rule_applies(sv_json_at(rules, i), claims))` => `if (1)`
 * fault:  `if (sv_rule_applies(rule, l->claims) &&` => `if (`
 * fault:  `if (unless && is_ruled(l, unless))` => `if (unless)`
 */
#include "proof.h"
#include "stub_err.h"

#include "policy/policy.h"
#include "policy/verdict.h"

#define RULES  3
#define LIMITS 2

/* A rule (held, slot), its members by their text, the list of rules, the object of limits. */
struct sv_json {
        const char *text;
        const struct sv_json *covers, *claim, *equals; /* a rule's */
        const struct sv_json *unless, *reason;         /* a limit's that is an object */
        bool held, applies;
};

static struct sv_json list, limits, claims, plain = {.text = "text"};
static struct sv_json rules[RULES], slots[RULES];
static struct sv_json claim_names[RULES];
static struct sv_json limit[LIMITS], conditions[LIMITS], reasons[LIMITS];
static const char claim_a[] = "a", claim_b[] = "b";
static const char *limit_names[LIMITS];
static const char no_slot[] = "no slot";
static size_t n_rules, n_limits;

const struct sv_json *sv_policy_rules(const struct sv_policy *p)
{
        return &list;
}

const struct sv_json *sv_policy_sets(const struct sv_policy *p)
{
        return NULL;
}

const char *sv_policy_reference(const struct sv_policy *p)
{
        return NULL;
}

/* Of those that warn no refusal is asked: test_policy_warn.c. */
bool sv_policy_warns(const struct sv_policy *p, const char *check)
{
        return false;
}

size_t sv_json_len(const struct sv_json *j)
{
        return n_rules;
}

struct sv_json *sv_json_at(const struct sv_json *j, size_t i)
{
        return &rules[i];
}

struct sv_json *sv_json_get(const struct sv_json *j, const char *member)
{
        if (j == &claims)
                return n_limits ? &limits : NULL;
        switch (member[0]) {
        case 'u':
                return (struct sv_json *)j->unless;
        case 'e':
                return (struct sv_json *)j->equals;
        case 'o':
                return NULL; /* one_of is read as equals is */
        case 'r':
                return j->unless ? (struct sv_json *)j->reason : &plain;
        case 'c':
                if (member[1] != 'h')
                        return (struct sv_json *)(member[1] == 'o' ? j->covers : j->claim);
        }
        return &plain;
}

const char *sv_json_str(const struct sv_json *j)
{
        return j ? j->text : NULL;
}

int sv_json_each(const struct sv_json *obj,
                 int (*fn)(void *arg, const char *name, struct sv_json *value, struct sv_err *err),
                 void *arg, struct sv_err *err)
{
        for (size_t i = 0; i < n_limits; i++)
                if (fn(arg, limit_names[i], &limit[i], err) < 0)
                        return -1;
        return 0;
}

bool sv_rule_holds(const struct sv_json *rule, const struct sv_json *c, struct sv_buf *expected,
                   struct sv_buf *found)
{
        return rule->held;
}

bool sv_rule_applies(const struct sv_json *rule, const struct sv_json *c)
{
        return rule->applies;
}

void sv_claim_updates(const struct sv_json *c, const char *claim, struct sv_buf *out)
{
}

struct sv_json *sv_json_array(void)
{
        return &plain;
}

struct sv_json *sv_json_object(void)
{
        return &plain;
}

struct sv_json *sv_json_add(struct sv_json *array, struct sv_json *value)
{
        return value;
}

void sv_json_set_str(struct sv_json *obj, const char *member, const char *s)
{
}

void sv_json_set_bool(struct sv_json *obj, const char *member, bool v)
{
}

void sv_json_free(struct sv_json *j)
{
}

const char *sv_buf_str(struct sv_buf *b)
{
        return "";
}

void sv_buf_free(struct sv_buf *b)
{
}

/* Texts are one or are not: names are compared in verdict.c's proof. */
int strcmp(const char *a, const char *b)
{
        return a != b;
}

#include "policy/evaluate.c"
#include "policy/verdict.c"

static void any_policy(void)
{
        n_rules = nondet_size();
        n_limits = nondet_size();
        ASSUME(n_rules <= RULES && n_limits <= LIMITS);
        for (size_t i = 0; i < RULES; i++) {
                slots[i].text = slot_names[any_below(SV_SLOTS)];
                claim_names[i].text = nondet_bool() ? claim_a : claim_b;
                rules[i] = (struct sv_json){.covers = &slots[i],
                                            .claim = &claim_names[i],
                                            .equals = nondet_bool() ? &plain : NULL,
                                            .held = nondet_bool(),
                                            .applies = nondet_bool()};
        }
        for (size_t i = 0; i < LIMITS; i++) {
                const char *text = nondet_bool() ? "reason" : NULL;
                bool object = nondet_bool();

                conditions[i].text = nondet_bool() ? claim_a : claim_b;
                reasons[i].text = text;
                limit[i] = (struct sv_json){.text = object ? NULL : text,
                                            .unless = object ? &conditions[i] : NULL,
                                            .reason = &reasons[i]};
                limit_names[i] = nondet_bool() ? slot_names[any_below(SV_SLOTS)] : no_slot;
        }
}

static bool is_lifted(const struct sv_json *l)
{
        for (size_t i = 0; l->unless && i < n_rules; i++)
                if (rules[i].applies && rules[i].equals && rules[i].claim->text == l->unless->text)
                        return true;
        return false;
}

static bool is_covered(size_t slot)
{
        for (size_t i = 0; i < n_rules; i++)
                if (rules[i].applies && slots[i].text == slot_names[slot])
                        return true;
        return false;
}

void prove(void)
{
        struct sv_verdict v = {0}, fewer = {0};
        bool all = true, formed = true, again;
        size_t i = any_below(SV_SLOTS);
        int r;

        any_policy();
        for (size_t k = 0; k < n_rules; k++)
                all &= rules[k].held || !rules[k].applies;
        for (size_t k = 0; k < n_limits; k++)
                formed &= reasons[k].text && limit_names[k] != no_slot;
        r = sv_policy_evaluate(NULL, &claims, &v, NULL);
        PROVE((r == 0) == (all && formed));
        PROVE(!formed || sv_verdict_status(&v) != SV_TIER_AFFIRMING || all);
        PROVE(!formed || all || sv_verdict_status(&v) == SV_TIER_CONTRAINDICATED);
        for (size_t k = 0; k < n_limits; k++)
                PROVE(!formed || is_lifted(&limit[k]) ||
                      sv_tier_of(v.vector[sv_slot_by_name(limit_names[k])]) != SV_TIER_AFFIRMING);
        PROVE(!formed || is_covered(i) || sv_tier_of(v.vector[i]) == SV_TIER_NONE);
        if (!n_rules)
                return;
        n_rules--;
        again = sv_policy_evaluate(NULL, &claims, &fewer, NULL) == 0;
        PROVE(again || r < 0);
        PROVE(sv_tier_of(fewer.vector[i]) <= sv_tier_of(v.vector[i]));
}
