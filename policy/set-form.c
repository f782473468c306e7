/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/set-form.h"

#include <string.h>

#include "base/core/limits.h"
#include "base/core/text.h"
#include "policy/rule.h"

#define GENERATION_MAX ((INT64_C(1) << 53) - 1)

int64_t sv_set_generation(const struct sv_json *set)
{
        return sv_json_int(sv_json_get(set, "generation"), 0);
}

bool sv_set_is_retired(const struct sv_json *set)
{
        return sv_json_bool(sv_json_get(set, "retired"), false);
}

int sv_set_read_time(const struct sv_json *set, const char *member, int64_t *out,
                     struct sv_err *err)
{
        const struct sv_json *j = sv_json_get(set, member);
        const char *text = sv_json_str(j);

        if (!j)
                return 0;
        if (text && sv_parse_moment(text, out, "policy.sets.time", NULL) == 0)
                return 0;
        return sv_fail(err, SV_FORMAT, "policy.sets.time",
                       "expected a time like 2026-12-31T12:00:00Z as %s, or no such member",
                       member);
}

static int check_set_form(const struct sv_json *set, struct sv_err *err)
{
        static const char *const members[] = {"name",    "generation", "not_before", "not_after",
                                              "retired", "rules",      NULL};
        int64_t generation, from = INT64_MIN, to = INT64_MAX;
        struct sv_json *rules;
        const char *name;

        if (sv_json_type(set) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "policy.sets.member", "expected an object, found %s",
                               sv_json_type_name(sv_json_type(set)));
        if (sv_json_only(set, members, "policy.sets", err) < 0 ||
            sv_json_need_str(set, "name", &name, "policy.sets", err) < 0 ||
            sv_json_need_int(set, "generation", 1, GENERATION_MAX, &generation, "policy.sets",
                             err) < 0 ||
            sv_json_need_array(set, "rules", &rules, "policy.sets", err) < 0 ||
            sv_set_read_time(set, "not_before", &from, err) < 0 ||
            sv_set_read_time(set, "not_after", &to, err) < 0)
                return -1;
        if (!*name || strlen(name) > 80)
                return sv_fail(err, SV_FORMAT, "policy.sets.name",
                               "expected a name of 1 to 80 bytes, found %zu", strlen(name));
        if (!sv_json_len(rules))
                return sv_fail(err, SV_FORMAT, "policy.sets.rules",
                               "\"%s\" has no rules: every guest would be of it", name);
        if (!sv_rules_have_unconditional(rules))
                return sv_fail(err, SV_FORMAT, "policy.sets.rules",
                               "each rule of \"%s\" has a \"when\": every guest that none of them "
                               "is about would be of it",
                               name);
        if (from > to)
                return sv_fail(err, SV_FORMAT, "policy.sets.time", "\"%s\" ends before it begins",
                               name);
        if (sv_json_get(set, "retired") &&
            sv_json_type(sv_json_get(set, "retired")) != SV_JSON_BOOL)
                return sv_fail(err, SV_FORMAT, "policy.sets.retired",
                               "expected true or false as retired of \"%s\"", name);
        return 0;
}

int sv_sets_check(const struct sv_json *sets, struct sv_err *err)
{
        size_t n = sv_json_len(sets);

        if (sv_json_type(sets) != SV_JSON_ARRAY || n == 0 || n > SV_POLICY_SETS_MAX)
                return sv_fail(err, SV_FORMAT, "policy.sets",
                               "expected an array of 1 to %d sets, or no such member",
                               SV_POLICY_SETS_MAX);
        for (size_t i = 0; i < n; i++) {
                const struct sv_json *set = sv_json_at(sets, i);

                if (check_set_form(set, err) < 0)
                        return sv_wrap(err, "sets[%zu]", i);
                for (size_t k = 0; k < i; k++)
                        if (sv_set_generation(sv_json_at(sets, k)) == sv_set_generation(set))
                                return sv_fail(err, SV_FORMAT, "policy.sets.generation",
                                               "sets %zu and %zu are both of generation %lld", k, i,
                                               (long long)sv_set_generation(set));
        }
        return 0;
}

int64_t sv_sets_newest(const struct sv_json *sets)
{
        int64_t newest = 0;

        for (size_t i = 0; i < sv_json_len(sets); i++)
                if (sv_set_generation(sv_json_at(sets, i)) > newest)
                        newest = sv_set_generation(sv_json_at(sets, i));
        return newest;
}
