/* SPDX-License-Identifier: Apache-2.0 */
/* Rules with a condition: their form, what they say where it holds and where it does not. */
#include "tests/unit/unit.h"

#include "policy/evaluate.h"
#include "policy/foresee.h"

static struct sv_err err;

#define DOC(rules)                                                                                \
        "{\"version\":1,\"guest\":\"demo\",\"tee\":\"sev-snp\",\"resource\":\"a/b/c\",\"trust\":" \
        "{},\"rules\":[" rules "]}"
#define RULE(check, claim, op, covers, more)                                                   \
        "{\"check\":\"policy." check "\",\"claim\":\"/" claim "\"," op ",\"covers\":\"" covers \
        "\",\"reason\":\"because\"" more "}"
#define WHEN(claim, value) ",\"when\":{\"claim\":\"/" claim "\",\"equals\":" value "}"
#define ALWAYS             RULE("always", "a", "\"equals\":1", "executables", "")
#define MILAN              RULE("milan", "snp", "\"at_least\":24", "hardware", WHEN("p", "\"Milan\""))
#define GENOA              RULE("genoa", "snp", "\"at_least\":23", "hardware", WHEN("p", "\"Genoa\""))

static void parse_policy(const char *text, struct sv_policy **out)
{
        OK(sv_policy_parse(sv_bytes_str(text), out, &err));
}

static struct sv_json *parse_claims(const char *text)
{
        struct sv_json *j = NULL;

        OK(sv_json_parse(sv_bytes_str(text), "test", &j, &err));
        return j;
}

static void each_form(void **state)
{
        static const struct {
                const char *more, *check; /* NULL: well formed */
        } t[] = {
                {WHEN("p", "\"Milan\""), NULL},
                {WHEN("p", "1"), NULL},
                {WHEN("p", "true"), NULL},
                {",\"when\":\"Milan\"", "policy.rule.when"},
                {",\"when\":{}", "policy.rule.when"},
                {",\"when\":{\"claim\":\"/p\"}", "policy.rule.when"},
                {",\"when\":{\"equals\":1}", "policy.rule.when"},
                {",\"when\":{\"claim\":\"p\",\"equals\":1}", "policy.rule.when"},
                {",\"when\":{\"claim\":1,\"equals\":1}", "policy.rule.when"},
                {WHEN("p", "null"), "policy.rule.when"},
                {WHEN("p", "[1]"), "policy.rule.when"},
                {",\"when\":{\"claim\":\"/p\",\"equals\":1,\"at_least\":1}", "policy.rule.when"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_POLICY_DOC *p = NULL;
                SV_BUF text = SV_BUF_NULL;

                sv_buf_puts(&text,
                            DOC(ALWAYS ",{\"check\":\"policy.x\",\"claim\":\"/x\",\"equals\":1,"
                                       "\"covers\":\"hardware\",\"reason\":\"r\""));
                text.n -= 2; /* the document's end */
                sv_buf_puts(&text, t[i].more);
                sv_buf_puts(&text, "}]}");
                if (t[i].check)
                        FAILS(sv_policy_parse(sv_buf_bytes(&text), &p, &err), SV_FORMAT,
                              t[i].check);
                else
                        OK(sv_policy_parse(sv_buf_bytes(&text), &p, &err));
        }
}

/* A policy whose every rule is about others would release to everybody. */
static void not_all_of_them(void **state)
{
        SV_POLICY_DOC *p = NULL;

        FAILS(sv_policy_parse(sv_bytes_str(DOC(MILAN "," GENOA)), &p, &err), SV_FORMAT,
              "policy.rules");
}

static void by_product(void **state)
{
        static const struct {
                const char *claims, *check; /* NULL: released */
                int8_t hardware;
        } t[] = {
                {"{\"a\":1,\"p\":\"Milan\",\"snp\":24}", NULL, 2},
                {"{\"a\":1,\"p\":\"Milan\",\"snp\":23}", "policy.milan", 97},
                {"{\"a\":1,\"p\":\"Genoa\",\"snp\":23}", NULL, 2},
                {"{\"a\":1,\"p\":\"Genoa\",\"snp\":22}", "policy.genoa", 97},
                /* about neither: nothing is said of the hardware */
                {"{\"a\":1,\"p\":\"Turin\",\"snp\":1}", NULL, 0},
                {"{\"a\":1,\"snp\":1}", NULL, 0},
                {"{\"a\":1,\"p\":1,\"snp\":1}", NULL, 0},
        };
        SV_POLICY_DOC *p = NULL;

        parse_policy(DOC(ALWAYS "," MILAN "," GENOA), &p);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *claims = parse_claims(t[i].claims);
                SV_VERDICT v = {0};
                size_t applied = 0;

                if (t[i].check)
                        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, t[i].check);
                else
                        OK(sv_policy_evaluate(p, claims, &v, &err));
                assert_int_equal(v.vector[SV_SLOT_HARDWARE], t[i].hardware);
                assert_int_equal(sv_json_len(v.reasons), 3);
                for (size_t k = 0; k < 3; k++)
                        applied += sv_json_bool(sv_json_get(sv_json_at(v.reasons, k), "applies"),
                                                true);
                assert_int_equal(applied, t[i].hardware ? 2 : 1);
        }
}

/* A limit that waits for a rule is lifted by one that applies only. */
static void lifts_a_limit_only_where_it_applies(void **state)
{
        SV_POLICY_DOC *p = NULL;

        parse_policy(DOC(RULE("always", "a", "\"equals\":1", "configuration", "") "," RULE(
                             "x", "x", "\"equals\":1", "hardware", WHEN("p", "\"Milan\""))),
                     &p);
        for (int milan = 0; milan < 2; milan++) {
                SV_JSON *claims = parse_claims(
                        "{\"a\":1,\"x\":1,\"limits\":{\"configuration\":{\"reason\":\"r\","
                        "\"unless\":\"/x\"}}}");
                SV_VERDICT v = {0};

                sv_json_set_str(claims, "p", milan ? "Milan" : "Genoa");
                OK(sv_policy_evaluate(p, claims, &v, &err));
                assert_int_equal(v.vector[SV_SLOT_CONFIGURATION], milan ? 2 : 0);
        }
}

/* What the verifier says is to be done stands in the refusal. */
static void refusal_says_what_to_do(void **state)
{
        SV_POLICY_DOC *p = NULL;
        SV_JSON *claims =
                parse_claims("{\"tcb\":{\"status\":\"OutOfDate\",\"update\":[\"the BIOS\","
                             "1,\"the module\"]}}");
        SV_VERDICT v = {0};

        parse_policy(DOC(RULE("s", "tcb/status", "\"equals\":\"UpToDate\"", "hardware", "")), &p);
        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, "policy.s");
        assert_string_equal(
                err.msg, "because: /tcb/status: expected \"UpToDate\", found \"OutOfDate\"; to do: "
                         "the BIOS; the module");
}

static void is_foreseen_where_it_applies(void **state)
{
        static const struct {
                const char *predicted, *outcome;
        } t[] = {
                {RULE("p", "p", "\"equals\":\"Milan\"", "hardware", ""), "fails"},
                {RULE("p", "p", "\"equals\":\"Genoa\"", "hardware", ""), "not predicted"},
                {RULE("q", "q", "\"equals\":1", "hardware", ""), "not predicted"},
        };
        SV_POLICY_DOC *kept = NULL;

        parse_policy(DOC(ALWAYS "," MILAN), &kept);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_POLICY_DOC *predicted = NULL;
                SV_JSON *rows = sv_json_array();
                SV_BUF text = SV_BUF_NULL;

                sv_buf_puts(&text,
                            DOC(ALWAYS "," RULE("s", "snp", "\"equals\":1", "hardware", "")));
                text.n -= 2;
                sv_buf_printf(&text, ",%s]}", t[i].predicted);
                parse_policy(sv_buf_str(&text), &predicted);
                assert_int_equal(sv_policy_foresee(kept, predicted, 0, rows, &err),
                                 strcmp(t[i].outcome, "fails") ? 0 : -1);
                assert_string_equal(sv_json_str(sv_json_get(sv_json_at(rows, 1), "outcome")),
                                    t[i].outcome);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_form),
                cmocka_unit_test(not_all_of_them),
                cmocka_unit_test(by_product),
                cmocka_unit_test(lifts_a_limit_only_where_it_applies),
                cmocka_unit_test(refusal_says_what_to_do),
                cmocka_unit_test(is_foreseen_where_it_applies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
