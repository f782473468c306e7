/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "policy/verdict.h"

static struct sv_err err;

/* AR4SI section 2.3.2, at every border. */
static void test_tiers(void **state)
{
        static const struct {
                int claim;
                enum sv_tier tier;
        } cases[] = {
                {0, SV_TIER_NONE},
                {1, SV_TIER_NONE},
                {-1, SV_TIER_NONE},
                {2, SV_TIER_AFFIRMING},
                {31, SV_TIER_AFFIRMING},
                {-2, SV_TIER_AFFIRMING},
                {-32, SV_TIER_AFFIRMING},
                {32, SV_TIER_WARNING},
                {95, SV_TIER_WARNING},
                {-33, SV_TIER_WARNING},
                {-96, SV_TIER_WARNING},
                {96, SV_TIER_CONTRAINDICATED},
                {127, SV_TIER_CONTRAINDICATED},
                {-97, SV_TIER_CONTRAINDICATED},
                {-128, SV_TIER_CONTRAINDICATED},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                if (sv_tier_of((int8_t)cases[i].claim) != cases[i].tier)
                        fail_msg("claim %d is %s", cases[i].claim,
                                 sv_tier_name(sv_tier_of((int8_t)cases[i].claim)));
        }
}

static void test_names(void **state)
{
        enum sv_tier tier;

        (void)state;
        for (int i = 0; i < SV_SLOTS; i++)
                assert_int_equal(sv_slot_by_name(sv_slot_name(i)), i);
        assert_int_equal(sv_slot_by_name("executable"), SV_SLOTS);
        assert_int_equal(sv_slot_by_name(""), SV_SLOTS);
        for (enum sv_tier t = SV_TIER_NONE; t <= SV_TIER_CONTRAINDICATED; t++) {
                assert_true(sv_tier_by_name(sv_tier_name(t), &tier));
                assert_int_equal(tier, t);
        }
        assert_false(sv_tier_by_name("fine", &tier));
}

static void test_status_is_worst(void **state)
{
        struct sv_verdict v = {0};

        (void)state;
        assert_int_equal(sv_verdict_status(&v), SV_TIER_NONE);
        v.vector[SV_SLOT_CONFIGURATION] = 2;
        assert_int_equal(sv_verdict_status(&v), SV_TIER_AFFIRMING);
        v.vector[SV_SLOT_HARDWARE] = -33;
        assert_int_equal(sv_verdict_status(&v), SV_TIER_WARNING);
        v.vector[SV_SLOT_SOURCED_DATA] = 96;
        assert_int_equal(sv_verdict_status(&v), SV_TIER_CONTRAINDICATED);
}

static void test_json(void **state)
{
        SV_VERDICT v = {0};
        struct sv_verdict again = {0};
        SV_JSON *j = NULL;
        struct sv_json *reason;

        (void)state;
        v.vector[SV_SLOT_EXECUTABLES] = 3;
        sv_verdict_reason(&v, "policy.pcr.4", SV_SLOT_EXECUTABLES, true, "kernel");
        j = sv_verdict_json(&v);
        assert_string_equal(sv_json_str(sv_json_get(j, "status")), "affirming");
        assert_int_equal(sv_json_len(sv_json_get(j, "vector")), SV_SLOTS);
        assert_int_equal(sv_json_int(sv_json_pointer(j, "/vector/executables"), -1), 3);
        reason = sv_json_pointer(j, "/reasons/0");
        assert_string_equal(sv_json_str(sv_json_get(reason, "slot")), "executables");
        assert_true(sv_json_bool(sv_json_get(reason, "held"), false));
        OK(sv_verdict_check(sv_json_get(j, "vector"), "affirming", &again, &err));
        assert_int_equal(again.vector[SV_SLOT_EXECUTABLES], 3);
}

/* Who only reads the status must not be told better than the vector says. */
static void test_check_refuses(void **state)
{
        static const struct {
                const char *vector;
                const char *status;
                enum sv_class class;
                const char *check;
        } cases[] = {
                {"{\"hardware\":96}", "affirming", SV_PROOF, "verdict.status"},
                {"{\"hardware\":33}", "affirming", SV_PROOF, "verdict.status"},
                {"{\"hardware\":2}", "none", SV_PROOF, "verdict.status"},
                {"{}", "affirming", SV_PROOF, "verdict.status"},
                {"{\"hardware\":2}", "good", SV_FORMAT, "verdict.vector"},
                {"{\"hardware\":128}", "affirming", SV_FORMAT, "verdict.vector"},
                {"{\"hardware\":-129}", "affirming", SV_FORMAT, "verdict.vector"},
                {"{\"hardware\":2.0}", "affirming", SV_FORMAT, "verdict.vector"},
                {"{\"hardware\":\"2\"}", "affirming", SV_FORMAT, "verdict.vector"},
                {"{\"hard-ware\":2}", "affirming", SV_FORMAT, "verdict.vector"},
                {"[]", "none", SV_FORMAT, "verdict.vector"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_JSON *vector = NULL;
                struct sv_verdict v = {0};

                OK(sv_json_parse(sv_bytes_str(cases[i].vector), "test", &vector, &err));
                FAILS(sv_verdict_check(vector, cases[i].status, &v, &err), cases[i].class,
                      cases[i].check);
                assert_int_equal(sv_verdict_status(&v), SV_TIER_NONE);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tiers),           cmocka_unit_test(test_names),
                cmocka_unit_test(test_status_is_worst), cmocka_unit_test(test_json),
                cmocka_unit_test(test_check_refuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
