/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/update.h"

#include <string.h>

#include "base/core/limits.h"
#include "policy/set-form.h"

static const char *get_check(const struct sv_json *rule)
{
        return sv_json_str(sv_json_get(rule, "check"));
}

static const struct sv_json *find_check(const struct sv_json *rules, const char *check)
{
        for (size_t i = 0; i < sv_json_len(rules); i++)
                if (!strcmp(get_check(sv_json_at(rules, i)), check))
                        return sv_json_at(rules, i);
        return NULL;
}

static bool has_rule(const struct sv_json *rules, const struct sv_json *rule)
{
        const struct sv_json *own = find_check(rules, get_check(rule));

        return own && sv_json_equal(own, rule);
}

static void add_copy(struct sv_json *list, const struct sv_json *value)
{
        sv_json_add(list, sv_json_ref((struct sv_json *)value));
}

/* Of `rules` those that are in `other` word for word, or under no name at all (`common`); or the
 * rest. */
static struct sv_json *take_rules(const struct sv_json *rules, const struct sv_json *other,
                                  bool common)
{
        struct sv_json *out = sv_json_array();

        for (size_t i = 0; i < sv_json_len(rules); i++) {
                const struct sv_json *rule = sv_json_at(rules, i);
                bool differs = find_check(other, get_check(rule)) && !has_rule(other, rule);

                if (differs != common)
                        add_copy(out, rule);
        }
        return out;
}

/* Of `rules` those that `other` has not, word for word. */
static struct sv_json *take_missing(const struct sv_json *rules, const struct sv_json *other)
{
        struct sv_json *out = sv_json_array();

        for (size_t i = 0; i < sv_json_len(rules); i++)
                if (!has_rule(other, sv_json_at(rules, i)))
                        add_copy(out, sv_json_at(rules, i));
        return out;
}

struct copying {
        struct sv_json *to;
        const char *except; /* a member that is left out; NULL: none */
};

static int copy_member(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct copying *c = arg;

        if (!c->except || strcmp(c->except, name))
                sv_json_set(c->to, name, sv_json_ref(value));
        return 0;
}

static struct sv_json *copy_object(const struct sv_json *from, const char *except)
{
        struct copying c = {sv_json_object(), except};

        sv_json_each(from, copy_member, &c, NULL);
        return c.to;
}

/* A set with more rules behind its own. */
static struct sv_json *extend_set(const struct sv_json *set, const struct sv_json *more)
{
        struct sv_json *out = copy_object(set, "rules"), *rules;
        const struct sv_json *own = sv_json_get(set, "rules");

        rules = sv_json_set(out, "rules", sv_json_array());
        sv_json_add_all(rules, own);
        sv_json_add_all(rules, more);
        return out;
}

static struct sv_json *make_set(const char *name, int64_t generation, struct sv_json *rules)
{
        struct sv_json *set = sv_json_object();

        sv_json_set_str(set, "name", name);
        sv_json_set_int(set, "generation", generation);
        sv_json_set(set, "rules", sv_json_ref(rules));
        return set;
}

static int add_anchors(void *arg, const char *kind, struct sv_json *list, struct sv_err *err)
{
        struct sv_json *to = sv_json_get(arg, kind);

        if (!to)
                to = sv_json_set(arg, kind, sv_json_array());
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *text = sv_json_at(list, i);

                if (!sv_json_contains(to, text))
                        add_copy(to, text);
        }
        return 0;
}

struct counting {
        const struct sv_json *known;
        size_t others;
};

static int count_other(void *arg, const char *kind, struct sv_json *list, struct sv_err *err)
{
        struct counting *c = arg;
        const struct sv_json *known = sv_json_get(c->known, kind);

        for (size_t i = 0; i < sv_json_len(list); i++)
                c->others += !sv_json_contains(known, sv_json_at(list, i));
        return 0;
}

size_t sv_policy_count_other_anchors(const struct sv_policy *kept,
                                     const struct sv_policy *predicted)
{
        struct counting c = {sv_policy_anchors(predicted), 0};

        sv_json_each(sv_policy_anchors(kept), count_other, &c, NULL);
        return c.others;
}

/* The document, checked as any that is read. */
static int write_document(const struct sv_policy *kept, const struct sv_policy *more,
                          struct sv_json *rules, struct sv_json *sets, struct sv_buf *out,
                          struct sv_err *err)
{
        SV_JSON *doc = sv_json_object();
        SV_POLICY_DOC *p = NULL;
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *trust;

        sv_json_set_int(doc, "version", 1);
        sv_json_set_str(doc, "guest", sv_policy_guest(more));
        sv_json_set_str(doc, "tee", sv_policy_tee(kept));
        sv_json_set_str(doc, "resource", sv_policy_resource(kept));
        trust = sv_json_set(doc, "trust", sv_json_object());
        if (sv_json_each(sv_policy_anchors(kept), add_anchors, trust, err) < 0 ||
            sv_json_each(sv_policy_anchors(more), add_anchors, trust, err) < 0)
                return -1;
        if (sv_policy_allowed(kept))
                sv_json_set(doc, "allow", sv_json_ref((struct sv_json *)sv_policy_allowed(kept)));
        if (sv_policy_warned(kept))
                sv_json_set(doc, "warn", sv_json_ref((struct sv_json *)sv_policy_warned(kept)));
        if (sv_policy_lease(more) != SV_LEASE_S)
                sv_json_set_int(doc, "lease", sv_policy_lease(more));
        sv_json_set(doc, "rules", sv_json_ref(rules));
        sv_json_set(doc, "sets", sv_json_ref(sets));
        sv_json_pretty(doc, &text);
        if (sv_json_ok(err) < 0 || sv_buf_ok(&text, "the policy", err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &p, err) < 0)
                return -1;
        sv_buf_put(out, sv_buf_bytes(&text));
        return sv_buf_ok(out, "the policy", err);
}

static int check_same_guest(const struct sv_policy *kept, const struct sv_policy *predicted,
                            struct sv_err *err)
{
        const struct sv_json *a = sv_policy_allowed(kept), *b = sv_policy_allowed(predicted);

        if (strcmp(sv_policy_resource(kept), sv_policy_resource(predicted)) ||
            strcmp(sv_policy_tee(kept), sv_policy_tee(predicted)))
                return sv_fail(err, SV_USAGE, "policy.update.other",
                               "the policy that is kept is for %s on %s, the guest asks for %s on "
                               "%s: put a policy of its own (\"secure-vm policy --put\")",
                               sv_policy_resource(kept), sv_policy_tee(kept),
                               sv_policy_resource(predicted), sv_policy_tee(predicted));
        if (a != b && (!a || !b || !sv_json_equal(a, b)))
                return sv_fail(err, SV_USAGE, "policy.update.other",
                               "what the policy allows below the floor (\"allow\") would change: "
                               "that is no new state of the guest; \"secure-vm policy --put\"");
        return 0;
}

/* A value that a guest shows may be one of two for a while; what a platform must be at least is
 * nobody's state. */
static int check_differing_rules(const struct sv_policy *kept, const struct sv_policy *predicted,
                                 struct sv_err *err)
{
        const struct sv_json *rules = sv_policy_rules(kept);

        for (size_t i = 0; i < sv_json_len(rules); i++) {
                const struct sv_json *rule = sv_json_at(rules, i);
                const struct sv_json *now = find_check(sv_policy_rules(predicted), get_check(rule));

                if (!now || sv_json_equal(now, rule) ||
                    (sv_json_get(rule, "equals") && sv_json_get(now, "equals")))
                        continue;
                return sv_fail(
                        err, SV_USAGE, "policy.update.other",
                        "%s of the policy that is kept and of the guest file differ, and it "
                        "is no value that the guest measures: make them the same, or put the "
                        "policy anew (\"secure-vm policy --put\")",
                        get_check(rule));
        }
        return 0;
}

/* Is there a set that these rules are, current or (`retired`) retired? */
static const struct sv_json *find_set(const struct sv_json *sets, const struct sv_json *rules,
                                      bool retired)
{
        for (size_t i = 0; i < sv_json_len(sets); i++) {
                const struct sv_json *set = sv_json_at(sets, i);
                const struct sv_json *own = sv_json_get(set, "rules");
                bool same = sv_json_len(own) == sv_json_len(rules);

                for (size_t k = 0; same && k < sv_json_len(own); k++)
                        same = has_rule(rules, sv_json_at(own, k));
                if (same && sv_set_is_retired(set) == retired)
                        return set;
        }
        return NULL;
}

static int fail_same_state(struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "policy.update.same",
                       "the policy accepts the guest as it is now: there is nothing to update");
}

static int check_new_state(const struct sv_json *sets, const struct sv_json *rules, bool again,
                           int64_t *generation, struct sv_err *err)
{
        const struct sv_json *set = find_set(sets, rules, false);

        *generation = set ? sv_set_generation(set) : 0;
        if (!sv_json_len(rules))
                return fail_same_state(err);
        if (set)
                return sv_fail(err, SV_USAGE, "policy.update.same",
                               "the policy accepts the guest as it is now, as \"%s\": there is "
                               "nothing to update",
                               sv_json_str(sv_json_get(set, "name")));
        set = find_set(sets, rules, true);
        if (set && !again)
                return sv_fail(err, SV_USAGE, "policy.update.retired",
                               "the guest as it is now is \"%s\" (generation %lld), which was "
                               "retired; --again accepts it once more",
                               sv_json_str(sv_json_get(set, "name")),
                               (long long)sv_set_generation(set));
        return 0;
}

/* The sets with `moved` behind each; without the oldest retired one when there are too many. */
static int carry_sets(const struct sv_json *sets, const struct sv_json *moved, struct sv_json *to,
                      struct sv_err *err)
{
        const struct sv_json *oldest = NULL;
        size_t n = sv_json_len(sets);

        for (size_t i = 0; n >= SV_POLICY_SETS_MAX && i < n; i++) {
                const struct sv_json *set = sv_json_at(sets, i);

                if (sv_set_is_retired(set) &&
                    (!oldest || sv_set_generation(set) < sv_set_generation(oldest)))
                        oldest = set;
        }
        if (n >= SV_POLICY_SETS_MAX && !oldest)
                return sv_fail(err, SV_USAGE, "policy.update.full",
                               "the policy has %zu sets, none of them retired: retire some first "
                               "(\"secure-vm update --finish\")",
                               n);
        for (size_t i = 0; i < n; i++)
                if (sv_json_at(sets, i) != oldest)
                        sv_json_add(to, extend_set(sv_json_at(sets, i), moved));
        return 0;
}

/* What others have signed is not for a host to add to. */
static int check_own_states(const struct sv_policy *kept, struct sv_err *err)
{
        if (!sv_policy_reference(kept))
                return 0;
        return sv_fail(err, SV_USAGE, "policy.update.reference",
                       "what the policy accepts stands in reference set %s: its author signs one "
                       "with the new values (\"reference put\")",
                       sv_policy_reference(kept));
}

int sv_policy_add_set(const struct sv_policy *kept, const struct sv_policy *predicted,
                      const struct sv_update_names *names, bool again, struct sv_buf *out,
                      int64_t *generation, struct sv_err *err)
{
        const struct sv_json *old = sv_policy_sets(kept), *rules = sv_policy_rules(predicted);
        SV_JSON *common = take_rules(sv_policy_rules(kept), rules, true);
        SV_JSON *moved = take_rules(sv_policy_rules(kept), rules, false);
        SV_JSON *fresh = take_missing(rules, common);
        SV_JSON *sets = sv_json_array();

        *generation = 0;
        if (check_own_states(kept, err) < 0 || check_same_guest(kept, predicted, err) < 0 ||
            check_differing_rules(kept, predicted, err) < 0 ||
            carry_sets(old, moved, sets, err) < 0)
                return -1;
        if (!old && !sv_json_len(moved)) /* of what the policy asks nothing changes */
                return fail_same_state(err);
        if (check_new_state(sets, fresh, again, generation, err) < 0)
                return -1;
        if (!old)
                sv_json_add(sets, make_set(names->before, 1, moved));
        *generation = sv_sets_newest(sets) + 1;
        sv_json_add(sets, make_set(names->after, *generation, fresh));
        return write_document(kept, predicted, common, sets, out, err);
}

int sv_policy_retire_sets(const struct sv_policy *kept, int64_t generation, struct sv_buf *out,
                          size_t *retired, struct sv_err *err)
{
        const struct sv_json *old = sv_policy_sets(kept);
        SV_JSON *sets = sv_json_array();

        *retired = 0;
        if (check_own_states(kept, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(old); i++) {
                const struct sv_json *set = sv_json_at(old, i);
                struct sv_json *now = sv_json_add(sets, copy_object(set, NULL));

                if (sv_set_generation(set) >= generation || sv_set_is_retired(set))
                        continue;
                sv_json_set_bool(now, "retired", true);
                ++*retired;
        }
        return write_document(kept, kept, (struct sv_json *)sv_policy_rules(kept), sets, out, err);
}
