/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/sets.h"

#include <string.h>

#include "policy/set-form.h"

/* "Unrecognized boot" of AR4SI's registry: contraindicated. */
#define REFUSED 96

int sv_set_check_current(const struct sv_json *set, int64_t time, struct sv_err *err)
{
        const char *name = sv_json_str(sv_json_get(set, "name"));
        const char *begins = sv_json_str(sv_json_get(set, "not_before"));
        const char *ends = sv_json_str(sv_json_get(set, "not_after"));
        long long generation = (long long)sv_set_generation(set);
        int64_t from = INT64_MIN, to = INT64_MAX;

        if (sv_set_read_time(set, "not_before", &from, err) < 0 ||
            sv_set_read_time(set, "not_after", &to, err) < 0)
                return -1;
        if (sv_set_is_retired(set))
                return sv_fail(err, SV_POLICY, "policy.set.retired",
                               "the guest is \"%s\" (generation %lld), which was retired: start it "
                               "from the files of a newer one",
                               name, generation);
        if (time < from)
                return sv_fail(
                        err, SV_POLICY, "policy.set.early",
                        "the guest is \"%s\" (generation %lld), which is accepted from %s on", name,
                        generation, begins);
        if (time > to)
                return sv_fail(
                        err, SV_POLICY, "policy.set.late",
                        "the guest is \"%s\" (generation %lld), which was accepted until %s: "
                        "start it from the files of a newer one",
                        name, generation, ends);
        return 0;
}

/* Those that refuse, or (`warned`) those that only warn. */
static size_t count_failed_rules(const struct sv_verdict *v, bool warned)
{
        size_t n = 0;

        for (size_t i = 0; i < sv_json_len(v->reasons); i++) {
                const struct sv_json *reason = sv_json_at(v->reasons, i);

                n += !sv_json_bool(sv_json_get(reason, "held"), false) &&
                     !sv_json_bool(sv_json_get(reason, "lifted"), false) &&
                     sv_json_bool(sv_json_get(reason, "warned"), false) == warned;
        }
        return n;
}

/* What one set says. Ordered: a lower rank is nearer to a release. */
struct answer {
        const struct sv_json *set;
        struct sv_verdict verdict;
        struct sv_err err;
        size_t rank; /* 0 releases; 1 would, at another time; 2 and more: rules that fail, and 1 */
        size_t warnings;
        bool whole; /* no rule fails, and none of the set's own warns */
};

/* The policy's own rules say the same of all sets. */
static bool has_own_warning(const struct sv_json *set, const struct sv_verdict *v)
{
        const struct sv_json *rules = sv_json_get(set, "rules");

        for (size_t i = 0; i < sv_json_len(v->reasons); i++) {
                const struct sv_json *reason = sv_json_at(v->reasons, i);

                if (!sv_json_bool(sv_json_get(reason, "warned"), false))
                        continue;
                for (size_t k = 0; k < sv_json_len(rules); k++)
                        if (!strcmp(sv_json_text(sv_json_at(rules, k), "check", ""),
                                    sv_json_text(reason, "check", "")))
                                return true;
        }
        return false;
}

/* A guest is of the set that it is of, wholly: when that one was retired, another one that only
 * warns is none of its. */
static bool is_nearer(const struct answer *a, const struct answer *b)
{
        if (b->set && a->whole != b->whole)
                return a->whole;
        if (!b->set || a->rank != b->rank)
                return !b->set || a->rank < b->rank;
        if (a->warnings != b->warnings)
                return a->warnings < b->warnings;
        return sv_set_generation(a->set) > sv_set_generation(b->set);
}

/* -1: the claims are not such that any policy could be held against them. */
static int ask_set(const struct sv_policy *p, size_t i, const struct sv_json *floor,
                   const struct sv_json *claims, int64_t time, struct answer *a)
{
        a->set = sv_json_at(sv_policy_sets(p), i);
        if (sv_policy_evaluate_above(sv_policy_with_set(p, i), floor, claims, &a->verdict,
                                     &a->err) < 0) {
                a->rank = 1 + count_failed_rules(&a->verdict, false);
                return a->err.class == SV_POLICY && a->verdict.reasons ? 0 : -1;
        }
        a->rank = sv_set_check_current(a->set, time, &a->err) < 0;
        a->warnings = count_failed_rules(&a->verdict, true);
        a->whole = !has_own_warning(a->set, &a->verdict);
        return 0;
}

static int finish_answer(struct answer *a, struct sv_verdict *out, struct sv_err *err)
{
        const char *name = sv_json_str(sv_json_get(a->set, "name"));
        SV_BUF text = SV_BUF_NULL;

        sv_buf_printf(&text, "%s, generation %lld", name, (long long)sv_set_generation(a->set));
        if (a->rank <= 1)
                sv_json_set_int(sv_verdict_reason(&a->verdict, "policy.set", SV_SLOT_EXECUTABLES,
                                                  a->rank == 0, sv_buf_str(&text)),
                                "generation", sv_set_generation(a->set));
        if (a->rank == 1) /* whoever reads the status alone reads a refusal */
                a->verdict.vector[SV_SLOT_EXECUTABLES] = REFUSED;
        *out = a->verdict;
        if (a->rank == 0)
                return 0;
        if (err)
                *err = a->err;
        return a->rank == 1 ? -1 : sv_wrap(err, "of what the policy accepts, %s is nearest", name);
}

int sv_policy_evaluate_sets(const struct sv_policy *p, const struct sv_json *floor,
                            const struct sv_json *claims, int64_t time, struct sv_verdict *out,
                            struct sv_err *err)
{
        struct answer best = {0};
        size_t n = sv_json_len(sv_policy_sets(p));

        if (n == 0)
                return sv_policy_evaluate_above(p, floor, claims, out, err);
        for (size_t i = 0; i < n; i++) {
                struct answer a = {0};

                if (ask_set(p, i, floor, claims, time, &a) < 0) {
                        sv_verdict_free(&a.verdict);
                        sv_verdict_free(&best.verdict);
                        if (err)
                                *err = a.err;
                        return -1;
                }
                if (!is_nearer(&a, &best)) {
                        sv_verdict_free(&a.verdict);
                        continue;
                }
                sv_verdict_free(&best.verdict);
                best = a;
        }
        return finish_answer(&best, out, err);
}
