/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/reference-make.h"

#include <string.h>

#include "base/core/limits.h"
#include "policy/set-form.h"

/* --- what a guest will measure --- */

static bool is_claim_in(const char *claim, const char *const *claims)
{
        for (; *claims; claims++)
                if (!strcmp(*claims, claim))
                        return true;
        return false;
}

int sv_reference_split(const struct sv_json *rules, const char *const *claims, struct sv_json *left,
                       struct sv_json *values, struct sv_err *err)
{
        for (size_t i = 0; i < sv_json_len(rules); i++) {
                struct sv_json *rule = sv_json_at(rules, i);
                struct sv_json *value = sv_json_get(rule, "equals");
                const char *claim = sv_json_text(rule, "claim", "");

                if (value && !sv_json_get(rule, "when") && is_claim_in(claim, claims))
                        sv_json_set(values, claim, sv_json_ref(value));
                else
                        sv_json_add(left, sv_json_ref(rule));
        }
        if (sv_json_len(values))
                return sv_json_ok(err);
        return sv_fail(err, SV_USAGE, "reference.make.values",
                       "the guest's policy has no rule about what its image shows: there is "
                       "nothing that a reference set could say");
}

/* --- sets --- */

static struct sv_json *get_tuples(const struct sv_json *set)
{
        return sv_json_get(set, "any_of");
}

const struct sv_json *sv_reference_find(const struct sv_json *set, const struct sv_json *values,
                                        bool retired)
{
        const struct sv_json *tuples = get_tuples(set);

        for (size_t i = 0; i < sv_json_len(tuples); i++) {
                const struct sv_json *tuple = sv_json_at(tuples, i);

                if (sv_set_is_retired(tuple) == retired &&
                    sv_json_equal(sv_json_get(tuple, "values"), values))
                        return tuple;
        }
        return NULL;
}

int64_t sv_reference_newest(const struct sv_json *set)
{
        const struct sv_json *tuples = get_tuples(set);
        int64_t newest = 0;

        for (size_t i = 0; i < sv_json_len(tuples); i++) {
                const struct sv_json *tuple = sv_json_at(tuples, i);

                if (!sv_set_is_retired(tuple) && sv_set_generation(tuple) > newest)
                        newest = sv_set_generation(tuple);
        }
        return newest;
}

/* The document, checked as any that is read. */
static int write_set(const char *name, const char *tee, int64_t generation, struct sv_json *tuples,
                     struct sv_buf *out, struct sv_err *err)
{
        SV_JSON *doc = sv_json_object();
        SV_JSON *parsed = NULL;
        SV_BUF text = SV_BUF_NULL;

        sv_json_set_int(doc, "version", 1);
        sv_json_set_str(doc, "name", name);
        sv_json_set_str(doc, "tee", tee);
        sv_json_set_int(doc, "generation", generation);
        sv_json_set(doc, "any_of", sv_json_ref(tuples));
        sv_json_pretty(doc, &text);
        if (sv_json_ok(err) < 0 || sv_buf_ok(&text, "a reference set", err) < 0 ||
            sv_reference_parse(sv_buf_bytes(&text), &parsed, err) < 0)
                return -1;
        sv_buf_put(out, sv_buf_bytes(&text));
        return sv_buf_ok(out, "a reference set", err);
}

static struct sv_json *make_tuple(const struct sv_reference_tuple *t, int64_t generation)
{
        struct sv_json *tuple = sv_json_object();

        sv_json_set_str(tuple, "image", t->image);
        sv_json_set_int(tuple, "generation", generation);
        if (t->not_before)
                sv_json_set_str(tuple, "not_before", t->not_before);
        if (t->not_after)
                sv_json_set_str(tuple, "not_after", t->not_after);
        sv_json_set(tuple, "values", sv_json_ref(t->values));
        return tuple;
}

static int check_same_set(const struct sv_json *before, const struct sv_reference_tuple *t,
                          struct sv_err *err)
{
        if (!strcmp(sv_reference_name(before), t->name) &&
            !strcmp(sv_reference_tee(before), t->tee))
                return 0;
        return sv_fail(err, SV_USAGE, "reference.make.other",
                       "the set that it follows is %s for %s, the new tuple is of %s for %s",
                       sv_reference_name(before), sv_reference_tee(before), t->name, t->tee);
}

static int check_new_tuple(const struct sv_json *before, const struct sv_json *values, bool again,
                           int64_t *generation, struct sv_err *err)
{
        const struct sv_json *same = sv_reference_find(before, values, false);

        *generation = same ? sv_set_generation(same) : 0;
        if (same)
                return sv_fail(err, SV_USAGE, "reference.make.same",
                               "the set has these values already, as \"%s\" (generation %lld): "
                               "there is nothing to add",
                               sv_json_text(same, "image", ""), (long long)*generation);
        same = sv_reference_find(before, values, true);
        if (same && !again)
                return sv_fail(err, SV_USAGE, "reference.make.retired",
                               "the set has these values as \"%s\" (generation %lld), which was "
                               "retired; --again accepts them once more",
                               sv_json_text(same, "image", ""), (long long)sv_set_generation(same));
        return 0;
}

/* Without the oldest retired one when there are too many. */
static int carry_tuples(const struct sv_json *before, struct sv_json *to, struct sv_err *err)
{
        const struct sv_json *tuples = get_tuples(before), *oldest = NULL;
        size_t n = sv_json_len(tuples);

        for (size_t i = 0; n >= SV_POLICY_SETS_MAX && i < n; i++) {
                const struct sv_json *tuple = sv_json_at(tuples, i);

                if (sv_set_is_retired(tuple) &&
                    (!oldest || sv_set_generation(tuple) < sv_set_generation(oldest)))
                        oldest = tuple;
        }
        if (n >= SV_POLICY_SETS_MAX && !oldest)
                return sv_fail(err, SV_USAGE, "reference.make.full",
                               "the set has %zu tuples, none of them retired: retire some first "
                               "(\"secure-vm reference retire\")",
                               n);
        for (size_t i = 0; i < n; i++)
                if (sv_json_at(tuples, i) != oldest)
                        sv_json_add(to, sv_json_ref(sv_json_at(tuples, i)));
        return 0;
}

int sv_reference_add(const struct sv_json *before, const struct sv_reference_tuple *tuple,
                     bool again, struct sv_buf *out, int64_t *generation, struct sv_err *err)
{
        SV_JSON *tuples = sv_json_array();
        int64_t next = before ? sv_reference_generation(before) + 1 : 1;

        *generation = 0;
        if (before && (check_same_set(before, tuple, err) < 0 ||
                       check_new_tuple(before, tuple->values, again, generation, err) < 0))
                return -1;
        sv_json_add(tuples, make_tuple(tuple, next));
        if (carry_tuples(before, tuples, err) < 0 ||
            write_set(tuple->name, tuple->tee, next, tuples, out, err) < 0)
                return -1;
        *generation = next;
        return 0;
}

static int copy_tuple_member(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        sv_json_set(arg, name, sv_json_ref(value));
        return 0;
}

int sv_reference_retire(const struct sv_json *before, int64_t generation, struct sv_buf *out,
                        size_t *retired, struct sv_err *err)
{
        const struct sv_json *old = get_tuples(before);
        SV_JSON *tuples = sv_json_array();

        *retired = 0;
        for (size_t i = 0; i < sv_json_len(old); i++) {
                const struct sv_json *tuple = sv_json_at(old, i);
                struct sv_json *now = sv_json_add(tuples, sv_json_object());

                sv_json_each(tuple, copy_tuple_member, now, NULL);
                if (sv_set_generation(tuple) >= generation || sv_set_is_retired(tuple))
                        continue;
                sv_json_set_bool(now, "retired", true);
                ++*retired;
        }
        if (!*retired || sv_reference_newest(before) < generation)
                return sv_fail(err, SV_USAGE, "reference.retire.none",
                               "%s: nothing is accepted below generation %lld and something from "
                               "it on, as was expected; the newest that is accepted is %lld",
                               sv_reference_name(before), (long long)generation,
                               (long long)sv_reference_newest(before));
        return write_set(sv_reference_name(before), sv_reference_tee(before),
                         sv_reference_generation(before) + 1, tuples, out, err);
}
