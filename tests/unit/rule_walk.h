/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of a policy, violated one at a time: claims that hold, with one of them changed, are
 * refused by that rule and by no other. */
#pragma once

#include "base/core/file.h"
#include "policy/evaluate.h"
#include "policy/policy.h"
#include "tests/unit/unit.h"

struct rule_row {
        const char *check;
        const char
                *value; /* of the rule's claim, as JSON; NULL: its text with another last digit */
};

static inline struct sv_json *walk_copy(const struct sv_json *claims)
{
        struct sv_json *copy = NULL;
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        sv_json_print(claims, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &copy, &err));
        return copy;
}

/* A rule about a claim that nobody makes would be met by what is absent. */
static inline void walk_change(struct sv_json *claims, const struct sv_json *rule,
                               const struct rule_row *row)
{
        const char *claim = sv_json_str(sv_json_get(rule, "claim"));
        const char *member = strrchr(claim, '/') + 1;
        SV_STR above = sv_asprintf("%.*s", (int)(member - 1 - claim), claim);
        struct sv_json *parent = sv_json_pointer(claims, above), *old = sv_json_get(parent, member);
        struct sv_json *value = NULL;
        struct sv_err err;

        if (!parent || (!old && !sv_json_get(rule, "absent")))
                fail_msg("%s: the verifier makes no claim %s", row->check, claim);
        if (row->value) {
                OK(sv_json_parse(sv_bytes_str(row->value), "test", &value, &err));
        } else {
                SV_STR text = sv_asprintf("%s", sv_json_str(old));

                text[strlen(text) - 1] = text[strlen(text) - 1] == '0' ? '1' : '0';
                value = sv_json_new_str(text);
        }
        sv_json_set(parent, member, value);
}

static inline const struct rule_row *walk_find(const struct rule_row *rows, size_t n,
                                               const char *check)
{
        for (size_t i = 0; i < n; i++)
                if (!strcmp(rows[i].check, check))
                        return &rows[i];
        fail_msg("no row violates the rule %s", check);
        return NULL;
}

static inline size_t walk_failed(const struct sv_verdict *v)
{
        size_t n = 0;

        for (size_t i = 0; i < sv_json_len(v->reasons); i++)
                n += !sv_json_bool(sv_json_get(sv_json_at(v->reasons, i), "held"), false);
        return n;
}

static inline struct sv_policy *walk_policy(const char *tee, struct sv_json *rules)
{
        SV_JSON *trust = sv_json_object();
        SV_BUF doc = SV_BUF_NULL;
        struct sv_policy *p = NULL;
        struct sv_err err;

        OK(sv_policy_write("any", tee, "a/b/c", rules, trust, &doc, &err));
        OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
        return p;
}

/* One row for each rule; every rule is there. */
static inline void walk_rules(const char *tee, struct sv_json *rules, const struct sv_json *claims,
                              const struct rule_row *rows, size_t n)
{
        SV_POLICY_DOC *p = walk_policy(tee, rules);
        SV_VERDICT held = {0};
        struct sv_err err;

        OK(sv_policy_evaluate(p, claims, &held, &err));
        assert_int_equal(sv_json_len(rules), n);
        for (size_t i = 0; i < n; i++) {
                const struct sv_json *rule = sv_json_at(rules, i);
                const char *check = sv_json_str(sv_json_get(rule, "check"));
                SV_JSON *changed = walk_copy(claims);
                SV_VERDICT v = {0};

                walk_change(changed, rule, walk_find(rows, n, check));
                FAILS(sv_policy_evaluate(p, changed, &v, &err), SV_POLICY, check);
                assert_int_equal(walk_failed(&v), 1);
        }
}
#define WALK(tee, rules, claims, rows) \
        walk_rules(tee, rules, claims, rows, sizeof(rows) / sizeof((rows)[0]))
