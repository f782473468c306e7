/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/foresee.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "policy/rule.h"
#include "policy/sets.h"

/* Sets what `pointer` (RFC 6901) names below `claims`, making the objects on the way. */
static int set_claim(struct sv_json *claims, const char *pointer, struct sv_json *value,
                     struct sv_err *err)
{
        SV_STR token = strdup(pointer);
        struct sv_json *at = claims, *next;
        char *to = token;

        if (!token)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a claim's name");
        for (const char *from = pointer + 1;; from++) {
                if (*from != '/' && *from) {
                        bool escaped = *from == '~';

                        from += escaped;
                        *to++ = !escaped ? *from : *from == '1' ? '/' : '~';
                        continue;
                }
                *to = 0;
                to = token;
                if (!*from)
                        break;
                next = sv_json_get(at, token);
                at = next ? next : sv_json_set(at, token, sv_json_object());
        }
        sv_json_set(at, token, sv_json_ref(value));
        return 0;
}

/* What the guest will show. A claim that the prediction says in two ways is not made up here: the
 * last one counts, and evaluation of the real evidence decides. */
static int predict_claims(const struct sv_policy *predicted, struct sv_json *claims,
                          struct sv_err *err)
{
        const struct sv_json *rules = sv_policy_rules(predicted);

        for (size_t i = 0; i < sv_json_len(rules); i++) {
                const struct sv_json *rule = sv_json_at(rules, i);
                struct sv_json *value = sv_json_get(rule, "equals");

                if (value &&
                    set_claim(claims, sv_json_str(sv_json_get(rule, "claim")), value, err) < 0)
                        return -1;
        }
        return 0;
}

static bool is_in_claims(const struct sv_json *claims, const struct sv_json *named)
{
        const struct sv_json *claim =
                sv_json_pointer(claims, sv_json_str(sv_json_get(named, "claim")));

        return claim && sv_json_type(claim) != SV_JSON_OBJECT;
}

static bool is_predicted(const struct sv_json *rule, const struct sv_json *claims)
{
        const struct sv_json *when = sv_json_get(rule, "when");

        return is_in_claims(claims, rule) &&
               (!when || (is_in_claims(claims, when) && sv_rule_applies(rule, claims)));
}

static int foresee_rule(const struct sv_json *rule, bool warns, const struct sv_json *claims,
                        struct sv_json *rows, struct sv_err *err)
{
        struct sv_json *row = sv_json_add(rows, sv_json_object());
        const char *check = sv_json_str(sv_json_get(rule, "check"));
        struct sv_json *claim = sv_json_pointer(claims, sv_json_str(sv_json_get(rule, "claim")));
        SV_BUF expected = SV_BUF_NULL, found = SV_BUF_NULL;
        bool holds;

        sv_json_set_str(row, "check", check);
        sv_json_set_str(row, "reason", sv_json_str(sv_json_get(rule, "reason")));
        if (!is_predicted(rule, claims)) {
                sv_json_set_str(row, "outcome", "not predicted");
                return 0;
        }
        holds = sv_rule_holds(rule, claims, &expected, &found);
        sv_json_set_str(row, "outcome", holds ? "holds" : warns ? "warns" : "fails");
        sv_json_set_str(row, "operator", sv_rule_operator(rule));
        sv_json_set(row, "expected", sv_json_ref(sv_json_get(rule, sv_rule_operator(rule))));
        sv_json_set(row, "found", sv_json_ref(claim));
        return holds || warns ? 0
                              : sv_fail(err, SV_POLICY, check,
                                        "%s: the policy expects %s, the guest will "
                                        "show %s",
                                        sv_json_str(sv_json_get(rule, "claim")),
                                        sv_buf_str(&expected), sv_buf_str(&found));
}

/* Line ends and blanks of a PEM text are nothing that trust hangs on. */
static bool same_text(const char *a, const char *b)
{
        for (;; a++, b++) {
                while (isspace((unsigned char)*a))
                        a++;
                while (isspace((unsigned char)*b))
                        b++;
                if (*a != *b || !*a)
                        return *a == *b;
        }
}

static bool has_anchor(const struct sv_policy *p, const char *kind, const char *text)
{
        const char *own;

        for (size_t i = 0; (own = sv_policy_trust(p, kind, i)); i++)
                if (same_text(own, text))
                        return true;
        return false;
}

struct anchors {
        const struct sv_policy *kept, *predicted;
};

static int compare_anchors(void *arg, const char *kind, struct sv_json *list, struct sv_err *err)
{
        const struct anchors *a = arg;
        const char *text;

        for (size_t i = 0; (text = sv_policy_trust(a->predicted, kind, i)); i++)
                if (!has_anchor(a->kept, kind, text))
                        return sv_fail(err, SV_POLICY, "policy.trust",
                                       "the guest's evidence is made under a root that the policy "
                                       "does not name in trust.%s (number %zu of those that "
                                       "\"secure-vm policy\" writes for it): put a policy that "
                                       "names it",
                                       kind, i + 1);
        return 0;
}

/* The rules of one policy without sets: how many fail; the first in *err. */
static size_t foresee_rules(const struct sv_policy *kept, const struct sv_json *claims,
                            struct sv_json *rows, struct sv_err *err)
{
        const struct sv_json *rules = sv_policy_rules(kept);
        size_t failed = 0;

        for (size_t i = 0; i < sv_json_len(rules); i++)
                failed += foresee_rule(sv_json_at(rules, i),
                                       sv_policy_warns(kept, sv_json_text(sv_json_at(rules, i),
                                                                          "check", "")),
                                       claims, rows, failed ? NULL : err) < 0;
        return failed;
}

/* The set with the fewest rules that fail, of several that are accepted now before others. */
static int foresee_sets(const struct sv_policy *kept, const struct sv_json *claims, int64_t time,
                        struct sv_json *rows, struct sv_err *err)
{
        size_t best = SIZE_MAX;
        SV_JSON *found = NULL;
        struct sv_err first = SV_ERR_NULL;

        for (size_t i = 0; sv_policy_with_set(kept, i); i++) {
                const struct sv_json *set = sv_json_at(sv_policy_sets(kept), i);
                SV_JSON *own = sv_json_array();
                struct sv_err why = SV_ERR_NULL;
                size_t rank = 2 * foresee_rules(sv_policy_with_set(kept, i), claims, own, &why);

                if (!rank)
                        rank = sv_set_check_current(set, time, &why) < 0;
                if (rank >= best)
                        continue;
                best = rank;
                first = why;
                sv_json_free(found);
                found = sv_json_ref(own);
        }
        sv_json_add_all(rows, found);
        if (best && err)
                *err = first;
        return best ? -1 : 0;
}

static int foresee_policy(const struct sv_policy *kept, const struct sv_json *claims, int64_t time,
                          struct sv_json *rows, struct sv_err *err)
{
        if (sv_policy_sets(kept))
                return foresee_sets(kept, claims, time, rows, err);
        return foresee_rules(kept, claims, rows, err) ? -1 : 0;
}

int sv_policy_foresee(const struct sv_policy *kept, const struct sv_policy *predicted, int64_t time,
                      struct sv_json *rows, struct sv_err *err)
{
        struct anchors anchors = {kept, predicted};
        SV_JSON *claims = sv_json_object();
        struct sv_err first = SV_ERR_NULL;
        int r;

        if (strcmp(sv_policy_tee(kept), sv_policy_tee(predicted)))
                return sv_fail(err, SV_POLICY, "policy.tee",
                               "the policy is for evidence of %s, the guest will show %s",
                               sv_policy_tee(kept), sv_policy_tee(predicted));
        if (strcmp(sv_policy_resource(kept), sv_policy_resource(predicted)))
                return sv_fail(err, SV_POLICY, "policy.resource",
                               "the policy is for %s, the guest asks for %s",
                               sv_policy_resource(kept), sv_policy_resource(predicted));
        if (sv_policy_reference(kept))
                return sv_fail(err, SV_POLICY, "policy.reference",
                               "what the policy accepts stands in reference set %s, which is not "
                               "here: \"policy test\" asks the broker, which has it",
                               sv_policy_reference(kept));
        if (predict_claims(predicted, claims, err) < 0)
                return -1;
        r = foresee_policy(kept, claims, time, rows, &first);
        if (sv_json_ok(err) < 0)
                return -1;
        if (r < 0) {
                if (err)
                        *err = first;
                return -1;
        }
        return sv_json_each(sv_policy_anchors(predicted), compare_anchors, &anchors, err);
}
