/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/policy-diff.h"

#include "base/core/file.h"
#include "policy/rule.h"
#include "policy/set-form.h"

static void add_difference(struct sv_json *rows, const char *what, const struct sv_json *from,
                           const struct sv_json *to)
{
        struct sv_json *row;

        if (from && to ? sv_json_equal(from, to) : from == to)
                return;
        row = sv_json_add(rows, sv_json_object());
        sv_json_set_str(row, "what", what);
        sv_json_set(row, "from", sv_json_ref((struct sv_json *)from));
        sv_json_set(row, "to", sv_json_ref((struct sv_json *)to));
}

/* Members of a list, found by the value of one of theirs. */
static const struct sv_json *find_by(const struct sv_json *list, const char *member,
                                     const struct sv_json *value)
{
        for (size_t i = 0; i < sv_json_len(list); i++)
                if (value && sv_json_equal(sv_json_get(sv_json_at(list, i), member), value))
                        return sv_json_at(list, i);
        return NULL;
}

/* Without what it is called by. */
static struct sv_json *strip_rule(const struct sv_json *rule)
{
        const char *const *names = sv_rule_members + 1;
        struct sv_json *out = rule ? sv_json_object() : NULL;

        for (size_t i = 0; out && names[i]; i++)
                if (sv_json_get(rule, names[i]))
                        sv_json_set(out, names[i], sv_json_ref(sv_json_get(rule, names[i])));
        return out;
}

static void compare_rule(const char *prefix, const struct sv_json *a, const struct sv_json *b,
                         struct sv_json *rows)
{
        const char *check = sv_json_str(sv_json_get(a ? a : b, "check"));
        SV_STR what = sv_asprintf("%srule %s", prefix, check ? check : "");
        SV_JSON *from = strip_rule(a);
        SV_JSON *to = strip_rule(b);

        add_difference(rows, what, from, to);
}

static void compare_rules(const char *prefix, const struct sv_json *a, const struct sv_json *b,
                          struct sv_json *rows)
{
        for (size_t i = 0; i < sv_json_len(a); i++)
                compare_rule(prefix, sv_json_at(a, i),
                             find_by(b, "check", sv_json_get(sv_json_at(a, i), "check")), rows);
        for (size_t i = 0; i < sv_json_len(b); i++)
                if (!find_by(a, "check", sv_json_get(sv_json_at(b, i), "check")))
                        compare_rule(prefix, NULL, sv_json_at(b, i), rows);
}

static void compare_set(const struct sv_json *a, const struct sv_json *b, struct sv_json *rows)
{
        static const char *const names[] = {"name", "not_before", "not_after", "retired", NULL};
        long long generation = (long long)sv_set_generation(a ? a : b);
        SV_STR prefix = sv_asprintf("set %lld: ", generation);
        SV_STR whole = sv_asprintf("set %lld", generation);

        if (!a || !b) {
                add_difference(rows, whole, sv_json_get(a, "name"), sv_json_get(b, "name"));
                return;
        }
        for (size_t i = 0; names[i]; i++) {
                SV_STR what = sv_asprintf("%s%s", prefix, names[i]);

                add_difference(rows, what, sv_json_get(a, names[i]), sv_json_get(b, names[i]));
        }
        compare_rules(prefix, sv_json_get(a, "rules"), sv_json_get(b, "rules"), rows);
}

static void compare_sets(const struct sv_json *a, const struct sv_json *b, struct sv_json *rows)
{
        for (size_t i = 0; i < sv_json_len(a); i++)
                compare_set(sv_json_at(a, i),
                            find_by(b, "generation", sv_json_get(sv_json_at(a, i), "generation")),
                            rows);
        for (size_t i = 0; i < sv_json_len(b); i++)
                if (!find_by(a, "generation", sv_json_get(sv_json_at(b, i), "generation")))
                        compare_set(NULL, sv_json_at(b, i), rows);
}

void sv_policy_diff(const struct sv_json *a, const struct sv_json *b, struct sv_json *rows)
{
        static const char *const names[] = {"guest", "tee",           "resource", "trust", "allow",
                                            "lease", "reference_set", "warn",     NULL};

        for (size_t i = 0; names[i]; i++)
                add_difference(rows, names[i], sv_json_get(a, names[i]), sv_json_get(b, names[i]));
        compare_rules("", sv_json_get(a, "rules"), sv_json_get(b, "rules"), rows);
        compare_sets(sv_json_get(a, "sets"), sv_json_get(b, "sets"), rows);
}
