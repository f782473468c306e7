/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy will say to a guest that has not started: rules held against a prediction. */
#include "tests/unit/limits.h"

#include "policy/foresee.h"

static struct sv_err err;

#define DOC(tee, resource, trust, rules)                                                       \
        "{\"version\":1,\"guest\":\"demo\",\"tee\":\"" tee "\",\"resource\":\"" resource "\"," \
        "\"trust\":{" trust "},\"rules\":[" rules "]}"
#define PLAIN(rules) DOC("vtpm", "default/demo/root", "\"ek_roots\":[\"A B\"]", rules)
#define RULE(check, claim, operator)                               \
        "{\"check\":\"policy." check "\",\"claim\":\"" claim "\"," \
        operator",\"covers\":\""                                   \
                "executables\",\"reason\":\"r\"}"
#define PCR4   RULE("pcr.4", "/pcrs/sha256/4", "\"equals\":\"aa\"")
#define PCR9   RULE("pcr.9", "/pcrs/sha256/9", "\"equals\":\"bb\"")
#define DEBUG  RULE("debug", "/debug", "\"equals\":false")
#define BOOTED PLAIN(PCR4 "," PCR9 "," DEBUG)

static int foresee(const char *kept_text, const char *predicted_text, struct sv_json *rows)
{
        SV_POLICY_DOC *kept = NULL, *predicted = NULL;

        OK(sv_policy_parse(sv_bytes_str(kept_text), &kept, &err));
        OK(sv_policy_parse(sv_bytes_str(predicted_text), &predicted, &err));
        return sv_policy_foresee(kept, predicted, 0, rows, &err);
}

static const char *outcome_of(const struct sv_json *rows, size_t i)
{
        return sv_json_str(sv_json_get(sv_json_at(rows, i), "outcome"));
}

static void test_own_policy_holds(void **state)
{
        SV_JSON *rows = sv_json_array();

        (void)state;
        OK(foresee(BOOTED, BOOTED, rows));
        assert_int_equal(sv_json_len(rows), 3);
        for (size_t i = 0; i < 3; i++)
                assert_string_equal(outcome_of(rows, i), "holds");
}

static void test_every_operator_is_asked(void **state)
{
        SV_JSON *rows = sv_json_array();
        const struct sv_json *row;

        (void)state;
        OK(foresee(PLAIN(RULE("pcr.4", "/pcrs/sha256/4", "\"one_of\":[\"old\",\"aa\"]") "," RULE(
                           "pcr.9", "/pcrs/sha256/9", "\"none_of\":[\"old\"]")),
                   BOOTED, rows));
        /* as values: a text in a text would be to be read twice */
        row = sv_json_at(rows, 0);
        assert_string_equal(sv_json_str(sv_json_get(row, "operator")), "one_of");
        assert_string_equal(sv_json_str(sv_json_at(sv_json_get(row, "expected"), 1)), "aa");
        assert_string_equal(sv_json_str(sv_json_get(row, "found")), "aa");
        FAILS(foresee(PLAIN(RULE("pcr.4", "/pcrs/sha256/4", "\"none_of\":[\"aa\"]")), BOOTED, rows),
              SV_POLICY, "policy.pcr.4");
        FAILS(foresee(PLAIN(RULE("debug", "/debug", "\"absent\":true")), BOOTED, rows), SV_POLICY,
              "policy.debug");
}

/* All rows are there although the first one fails, and the first one is the error. */
static void test_old_kernel_is_named(void **state)
{
        SV_JSON *rows = sv_json_array();

        (void)state;
        FAILS(foresee(PLAIN(RULE("pcr.4", "/pcrs/sha256/4", "\"equals\":\"old\"") "," RULE(
                              "pcr.9", "/pcrs/sha256/9", "\"equals\":\"older\"") "," DEBUG),
                      BOOTED, rows),
              SV_POLICY, "policy.pcr.4");
        assert_non_null(strstr(err.msg, "expects \"old\""));
        assert_non_null(strstr(err.msg, "show \"aa\""));
        assert_int_equal(sv_json_len(rows), 3);
        assert_string_equal(outcome_of(rows, 0), "fails");
        assert_string_equal(outcome_of(rows, 1), "fails");
        assert_string_equal(outcome_of(rows, 2), "holds");
}

/* A minimum version is known when the platform has shown its own. */
static void test_unpredicted_is_no_failure(void **state)
{
        SV_JSON *rows = sv_json_array();

        (void)state;
        OK(foresee(PLAIN(PCR4 "," RULE("tcb", "/tcb/snp", "\"at_least\":27") "," RULE(
                           "banks", "/pcrs/sha256", "\"present\":true")),
                   BOOTED, rows));
        assert_string_equal(outcome_of(rows, 0), "holds");
        assert_string_equal(outcome_of(rows, 1), "not predicted");
        assert_string_equal(outcome_of(rows, 2), "not predicted");
}

/* RFC 6901: "~1" is a slash and "~0" a tilde, in the prediction as in the policy. */
static void test_escaped_claims(void **state)
{
        SV_JSON *rows = sv_json_array();

        (void)state;
        OK(foresee(PLAIN(RULE("a", "/a~1b/c~0d", "\"equals\":1")),
                   PLAIN(RULE("a", "/a~1b/c~0d", "\"equals\":1")), rows));
        FAILS(foresee(PLAIN(RULE("a", "/a~1b/c~0d", "\"equals\":2")),
                      PLAIN(RULE("a", "/a~1b/c~0d", "\"equals\":1")), rows),
              SV_POLICY, "policy.a");
        OK(foresee(PLAIN(RULE("a", "/a/b", "\"equals\":2")),
                   PLAIN(RULE("a", "/a~1b/c~0d", "\"equals\":1")), rows));
}

static void test_other_guest(void **state)
{
        SV_JSON *rows = sv_json_array();

        (void)state;
        FAILS(foresee(DOC("sev-snp", "default/demo/root", "", PCR4), BOOTED, rows), SV_POLICY,
              "policy.tee");
        FAILS(foresee(DOC("vtpm", "default/other/root", "", PCR4), BOOTED, rows), SV_POLICY,
              "policy.resource");
        assert_int_equal(sv_json_len(rows), 0);
}

static void test_anchors(void **state)
{
        SV_JSON *rows = sv_json_array();

        (void)state;
        OK(foresee(DOC("vtpm", "default/demo/root", "\"ek_roots\":[\"Z\",\" A\\nB\\n\"]", PCR4),
                   BOOTED, rows));
        FAILS(foresee(DOC("vtpm", "default/demo/root", "\"ek_roots\":[\"A BC\"]", PCR4), BOOTED,
                      rows),
              SV_POLICY, "policy.trust");
        FAILS(foresee(DOC("vtpm", "default/demo/root", "\"ek_roots\":[\"A\"]", PCR4), BOOTED, rows),
              SV_POLICY, "policy.trust");
        FAILS(foresee(DOC("vtpm", "default/demo/root", "", PCR4), BOOTED, rows), SV_POLICY,
              "policy.trust");
        /* A policy without anchors of its own asks for the maker's roots. */
        OK(foresee(DOC("vtpm", "default/demo/root", "\"ek_roots\":[\"Z\"]", PCR4),
                   DOC("vtpm", "default/demo/root", "", PCR4), rows));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_own_policy_holds),
                cmocka_unit_test(test_every_operator_is_asked),
                cmocka_unit_test(test_old_kernel_is_named),
                cmocka_unit_test(test_unpredicted_is_no_failure),
                cmocka_unit_test(test_escaped_claims),
                cmocka_unit_test(test_other_guest),
                cmocka_unit_test(test_anchors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
