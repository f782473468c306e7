/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/rule.h"

#include "base/core/limits.h"
#include "base/core/text.h"
#include "policy/verdict.h"

static bool is_scalar_value(const struct sv_json *j)
{
        return sv_json_str(j) || sv_json_type(j) == SV_JSON_INT || sv_json_type(j) == SV_JSON_BOOL;
}

/* --- the operators: one row each --- */

static bool is_scalar(const struct sv_json *operand)
{
        return is_scalar_value(operand);
}

static bool is_scalar_list(const struct sv_json *operand)
{
        size_t n = sv_json_len(operand);

        if (sv_json_type(operand) != SV_JSON_ARRAY || n == 0)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!is_scalar_value(sv_json_at(operand, i)))
                        return false;
        }
        return true;
}

static bool is_int(const struct sv_json *operand)
{
        return sv_json_type(operand) == SV_JSON_INT;
}

static bool is_true(const struct sv_json *operand)
{
        return sv_json_bool(operand, false);
}

static bool holds_equals(const struct sv_json *operand, const struct sv_json *claim)
{
        return claim && sv_json_equal(operand, claim);
}

static bool holds_one_of(const struct sv_json *operand, const struct sv_json *claim)
{
        for (size_t i = 0; i < sv_json_len(operand); i++) {
                if (holds_equals(sv_json_at(operand, i), claim))
                        return true;
        }
        return false;
}

static bool holds_at_least(const struct sv_json *operand, const struct sv_json *claim)
{
        return sv_json_type(claim) == SV_JSON_INT &&
               sv_json_int(claim, 0) >= sv_json_int(operand, INT64_MAX);
}

static bool holds_at_most(const struct sv_json *operand, const struct sv_json *claim)
{
        return sv_json_type(claim) == SV_JSON_INT &&
               sv_json_int(claim, 0) <= sv_json_int(operand, INT64_MIN);
}

/* The claim must be there: what says nothing is not known to be none of them. */
static bool holds_none_of(const struct sv_json *operand, const struct sv_json *claim)
{
        return sv_json_type(claim) != SV_JSON_NULL && !holds_one_of(operand, claim);
}

/* Bit masks are texts ("0x3f"): JSON's numbers do not hold 64 bits for everybody. A claim may be a
 * number as well. */
static bool read_mask(const struct sv_json *j, uint64_t *out)
{
        const char *text = sv_json_str(j);

        if (text)
                return !strncmp(text, "0x", 2) &&
                       sv_parse_u64(text, UINT64_MAX, out, "policy.rule.value", NULL) == 0;
        *out = (uint64_t)sv_json_int(j, 0);
        return sv_json_type(j) == SV_JSON_INT && sv_json_int(j, -1) >= 0;
}

static bool is_mask(const struct sv_json *operand)
{
        uint64_t bits;

        return sv_json_str(operand) && read_mask(operand, &bits);
}

static bool holds_bits_set(const struct sv_json *operand, const struct sv_json *claim)
{
        uint64_t want, have;

        return read_mask(operand, &want) && read_mask(claim, &have) && (have & want) == want;
}

static bool holds_bits_clear(const struct sv_json *operand, const struct sv_json *claim)
{
        uint64_t want, have;

        return read_mask(operand, &want) && read_mask(claim, &have) && (have & want) == 0;
}

/* A claim that is there and says null says nothing. */
static bool holds_present(const struct sv_json *operand, const struct sv_json *claim)
{
        return sv_json_type(claim) != SV_JSON_NULL;
}

static bool holds_absent(const struct sv_json *operand, const struct sv_json *claim)
{
        return sv_json_type(claim) == SV_JSON_NULL;
}

static const struct operator
{
        const char *name;
        const char *takes;
        bool (*takes_it)(const struct sv_json *operand);
        bool (*holds)(const struct sv_json *operand, const struct sv_json *claim);
        const char *expected; /* in front of the operand */
        bool show;            /* is the operand worth showing? */
}
operators[] = {
        {"equals", "a string, an integer or a boolean", is_scalar, holds_equals, "", true},
        {"one_of", "a list of strings, integers or booleans", is_scalar_list, holds_one_of,
         "one of ", true},
        {"none_of", "a list of strings, integers or booleans", is_scalar_list, holds_none_of,
         "none of ", true},
        {"at_least", "an integer", is_int, holds_at_least, "at least ", true},
        {"at_most", "an integer", is_int, holds_at_most, "at most ", true},
        {"bits_set", "a text like \"0x3f\"", is_mask, holds_bits_set,
         "all of these bits set: ", true},
        {"bits_clear", "a text like \"0x3f\"", is_mask, holds_bits_clear,
         "all of these bits clear: ", true},
        {"present", "true", is_true, holds_present, "any value", false},
        {"absent", "true", is_true, holds_absent, "no such claim", false},
};

static const struct operator* find_operator(const struct sv_json *rule, size_t *count)
{
        const struct operator* found = NULL;

        *count = 0;
        for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
                if (sv_json_get(rule, operators[i].name)) {
                        found = &operators[i];
                        ++*count;
                }
        }
        return found;
}

/* --- form --- */

static bool is_check_name(const char *name)
{
        size_t n = strlen(name);

        return n > strlen("policy.") && n <= SV_RULE_CHECK_MAX &&
               !strncmp(name, "policy.", strlen("policy.")) &&
               strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n &&
               !strstr(name, "..") && name[n - 1] != '.';
}

/* RFC 6901 section 3; the whole document ("") is no claim. */
static bool is_json_pointer(const char *pointer)
{
        if (*pointer != '/')
                return false;
        for (; *pointer; pointer++) {
                if ((unsigned char)*pointer < 0x20 ||
                    (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1'))
                        return false;
        }
        return true;
}

static bool is_text_line(const char *text)
{
        size_t n = strlen(text);

        if (n == 0 || n > SV_RULE_REASON_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                        return false;
        }
        return true;
}

static int check_rule_operator(const struct sv_json *rule, const char *name, struct sv_err *err)
{
        size_t count;
        const struct operator* op = find_operator(rule, &count);

        if (count != 1)
                return sv_fail(err, SV_FORMAT, "policy.rule.operator",
                               "expected exactly one of equals, one_of, none_of, at_least, "
                               "at_most, bits_set, bits_clear, present, absent in %s, found %zu",
                               name, count);
        if (!op->takes_it(sv_json_get(rule, op->name)))
                return sv_fail(err, SV_FORMAT, "policy.rule.value", "expected %s as \"%s\" in %s",
                               op->takes, op->name, name);
        return 0;
}

static int check_rule_condition(const struct sv_json *rule, const char *name, struct sv_err *err)
{
        const struct sv_json *when = sv_json_get(rule, "when");
        const char *claim = sv_json_str(sv_json_get(when, "claim"));

        if (!when)
                return 0;
        if (sv_json_type(when) != SV_JSON_OBJECT || sv_json_len(when) != 2 || !claim ||
            !is_json_pointer(claim) || !is_scalar_value(sv_json_get(when, "equals")))
                return sv_fail(err, SV_FORMAT, "policy.rule.when",
                               "expected {\"claim\": JSON pointer, \"equals\": string, integer or "
                               "boolean} as when in %s",
                               name);
        return 0;
}

const char *const sv_rule_members[] = {"check",    "claim",   "equals",   "one_of",     "none_of",
                                       "at_least", "at_most", "bits_set", "bits_clear", "present",
                                       "absent",   "when",    "covers",   "reason",     NULL};

int sv_rule_check(const struct sv_json *rule, size_t i, struct sv_err *err)
{
        const char *check, *claim, *covers, *reason;

        if (sv_json_type(rule) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, "policy.rule.member",
                               "expected an object as rule %zu, found %s", i,
                               sv_json_type_name(sv_json_type(rule)));
        if (sv_json_only(rule, sv_rule_members, "policy.rule", err) < 0 ||
            sv_json_need_str(rule, "check", &check, "policy.rule", err) < 0 ||
            sv_json_need_str(rule, "claim", &claim, "policy.rule", err) < 0 ||
            sv_json_need_str(rule, "covers", &covers, "policy.rule", err) < 0 ||
            sv_json_need_str(rule, "reason", &reason, "policy.rule", err) < 0)
                return sv_wrap(err, "rule %zu", i);
        if (!is_check_name(check))
                return sv_fail(err, SV_FORMAT, "policy.rule.check",
                               "expected a name like policy.pcr.4 (a-z, 0-9, '.', '_', '-') in "
                               "rule %zu, found \"%.80s\"",
                               i, check);
        if (!is_json_pointer(claim))
                return sv_fail(err, SV_FORMAT, "policy.rule.claim",
                               "expected a JSON pointer like /pcrs/sha256/4 in %s, found \"%.80s\"",
                               check, claim);
        if (sv_slot_by_name(covers) == SV_SLOTS)
                return sv_fail(err, SV_FORMAT, "policy.rule.covers",
                               "expected an AR4SI claim like executables in %s, found \"%.80s\"",
                               check, covers);
        if (!is_text_line(reason))
                return sv_fail(err, SV_FORMAT, "policy.rule.reason",
                               "expected one line of 1 to %d bytes as reason in %s",
                               SV_RULE_REASON_MAX, check);
        return check_rule_condition(rule, check, err) < 0 ? -1
                                                          : check_rule_operator(rule, check, err);
}

/* --- evaluation --- */

const char *sv_rule_operator(const struct sv_json *rule)
{
        size_t count;
        const struct operator* op = find_operator(rule, &count);

        return op ? op->name : NULL;
}

bool sv_rules_have_unconditional(const struct sv_json *rules)
{
        for (size_t i = 0; i < sv_json_len(rules); i++)
                if (!sv_json_get(sv_json_at(rules, i), "when"))
                        return true;
        return false;
}

bool sv_rule_applies(const struct sv_json *rule, const struct sv_json *claims)
{
        const struct sv_json *when = sv_json_get(rule, "when");

        return !when ||
               holds_equals(sv_json_get(when, "equals"),
                            sv_json_pointer(claims, sv_json_str(sv_json_get(when, "claim"))));
}

bool sv_rule_holds(const struct sv_json *rule, const struct sv_json *claims,
                   struct sv_buf *expected, struct sv_buf *found)
{
        size_t count;
        const struct operator* op = find_operator(rule, &count);
        const struct sv_json *operand = sv_json_get(rule, op->name);
        const struct sv_json *claim =
                sv_json_pointer(claims, sv_json_str(sv_json_get(rule, "claim")));

        sv_buf_puts(expected, op->expected);
        if (op->show)
                sv_json_print(operand, expected);
        if (claim)
                sv_json_print(claim, found);
        else
                sv_buf_puts(found, "no such claim");
        return op->holds(operand, claim);
}
