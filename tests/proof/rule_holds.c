/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a claim that is not there, or is null, satisfies no rule but "absent", and one that is
 *         there never satisfies that; bounds and masks hold for integers (and texts of masks) that
 *         are within them and for nothing else.
 * for:    every operator, every claim and operand that is null, a boolean, a 64-bit integer or a
 *         text, a list of up to 2 of them
 * stubs:  texts of errors; JSON: values as json.h describes them; the number in a text (any number,
 *         or none)
 * unwind: 12
 * fault:  `sv_json_int(claim, 0) >= sv_json_int` => `sv_json_int(claim, 0) > sv_json_int`
 * fault:  `sv_json_type(claim) != SV_JSON_NULL && !holds_one_of` => `!holds_one_of`
 * fault:  `(have & want) == want` => `(have & want) <= want`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/json/json.h"

struct sv_json {
        enum sv_json_type type;
        int64_t number; /* also what a text says, where it says one */
        bool says;
        struct sv_json *list;
        size_t n;
};

static struct sv_json claim, operand, elements[2], pointer;
static bool there;
static size_t asked;

/* The harness' rule has one operator: the one whose name is asked for at this place. */
struct sv_json *sv_json_get(const struct sv_json *obj, const char *member);

enum sv_json_type sv_json_type(const struct sv_json *j)
{
        return j ? j->type : SV_JSON_NULL;
}

const char *sv_json_str(const struct sv_json *j)
{
        return j && j->type == SV_JSON_STRING ? "0x" : NULL;
}

int64_t sv_json_int(const struct sv_json *j, int64_t otherwise)
{
        return j && j->type == SV_JSON_INT ? j->number : otherwise;
}

bool sv_json_bool(const struct sv_json *j, bool otherwise)
{
        return j && j->type == SV_JSON_BOOL ? j->number : otherwise;
}

size_t sv_json_len(const struct sv_json *j)
{
        return j && j->type == SV_JSON_ARRAY ? j->n : 0;
}

struct sv_json *sv_json_at(const struct sv_json *j, size_t i)
{
        return i < sv_json_len(j) ? &j->list[i] : NULL;
}

struct sv_json *sv_json_pointer(const struct sv_json *j, const char *at)
{
        return there ? &claim : NULL;
}

bool sv_json_equal(const struct sv_json *a, const struct sv_json *b)
{
        PROVE(a && b);
        return a->type == b->type && a->number == b->number;
}

void sv_json_print(const struct sv_json *j, struct sv_buf *out)
{
}

void sv_buf_puts(struct sv_buf *b, const char *s)
{
        PROVE(s);
}

/* Both texts are asked for their numbers one after the other: the operand's first. */
int sv_parse_u64(const char *text, uint64_t max, uint64_t *value, const char *check,
                 struct sv_err *err)
{
        const struct sv_json *j = asked++ || operand.type != SV_JSON_STRING ? &claim : &operand;

        if (!j->says)
                return -1;
        *value = (uint64_t)j->number;
        return 0;
}

#include "policy/rule.c"

static size_t chosen;

struct sv_json *sv_json_get(const struct sv_json *obj, const char *member)
{
        if (!strcmp(member, "claim"))
                return &pointer;
        return !strcmp(member, operators[chosen].name) ? &operand : NULL;
}

static void any_value(struct sv_json *j)
{
        j->type = any_below(SV_JSON_ARRAY);
        j->number = nondet_i64();
        j->says = nondet_bool();
        ASSUME(j->type != SV_JSON_BOOL || j->number == 0 || j->number == 1);
}

static bool is_integer(const struct sv_json *j)
{
        return there && j->type == SV_JSON_INT;
}

void prove(void)
{
        struct sv_json rule;
        struct sv_buf expected, found;
        const char *name;
        bool held;

        chosen = any_below(sizeof(operators) / sizeof(operators[0]));
        name = operators[chosen].name;
        there = nondet_bool();
        any_value(&claim);
        any_value(&operand);
        any_value(&elements[0]);
        any_value(&elements[1]);
        if (nondet_bool())
                operand = (struct sv_json){SV_JSON_ARRAY, .list = elements, .n = any_below(3)};
        ASSUME(operators[chosen].takes_it(&operand));
        asked = 0;
        held = sv_rule_holds(&rule, NULL, &expected, &found);
        if (!there || claim.type == SV_JSON_NULL)
                PROVE(held == !strcmp(name, "absent"));
        else
                PROVE(!held || strcmp(name, "absent"));
        if (!strcmp(name, "at_least"))
                PROVE(held == (is_integer(&claim) && claim.number >= operand.number));
        if (!strcmp(name, "at_most"))
                PROVE(held == (is_integer(&claim) && claim.number <= operand.number));
        if (!strcmp(name, "bits_set") && held)
                PROVE((claim.number & operand.number) == operand.number);
        if (!strcmp(name, "bits_clear") && held)
                PROVE((claim.number & operand.number) == 0);
        if (!strcmp(name, "equals") && there)
                PROVE(held == (claim.type == operand.type && claim.number == operand.number));
}
