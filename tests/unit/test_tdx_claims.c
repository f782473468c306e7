/* SPDX-License-Identifier: Apache-2.0 */
/* Claims of bodies as they might be, without a quote around them, and what the built-in policy says
 * of them. */
#include "policy/evaluate.h"
#include "policy/policy.h"
#include "tdx/verify/tee.h"
#include "tests/unit/unit.h"

static struct sv_err err;

/* Without a policy: no bit that is nobody's. */
static void strict_xfam(void **state)
{
        static const struct {
                uint64_t xfam;
                const char *refused; /* by this check; NULL: the policy holds */
        } t[] = {{0x602e7, NULL},
                 {0xedbe7, NULL},
                 {0x8 | 3, "policy.xfam"},
                 {1ull << 20 | 3, "policy.xfam"},
                 {1ull << 63 | 3, "policy.xfam"},
                 {0x400 | 3, "policy.xfam"},
                 {0x602e5, "policy.xfam.base"},
                 {0x602e6, "policy.xfam.base"}};
        SV_JSON *rules = NULL;

        OK(sv_json_parse(sv_bytes_str(sv_tdx_strict), "test", &rules, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_tdx_out out = {.quote.td = {.type = SV_TD_10,
                                                      .xfam = t[i].xfam,
                                                      .tdattributes = SV_TD_SEPT_VE_DISABLE}};
                SV_JSON *claims = sv_tdx_claims(&out, 0);
                SV_JSON *trust = sv_json_object();
                SV_BUF text = SV_BUF_NULL;
                SV_VERDICT verdict = {0};
                SV_POLICY_DOC *policy = NULL;

                OK(sv_policy_write("any", "tdx", "a/b/c", rules, trust, &text, &err));
                OK(sv_policy_parse(sv_buf_bytes(&text), &policy, &err));
                if (!t[i].refused)
                        OK(sv_policy_evaluate(policy, claims, &verdict, &err));
                else
                        FAILS(sv_policy_evaluate(policy, claims, &verdict, &err), SV_POLICY,
                              t[i].refused);
        }
}

/* A body of type 4 says which service TDs there were and are: any of them is one. */
static void service_tds(void **state)
{
        static const int at[] = {-1, 729 - 648, 729 - 648 + 47, 829 - 648, 829 - 648 + 47};
        uint8_t ex[885 - 648] = {0};

        for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                struct sv_tdx_out out = {
                        .quote.td = {.type = SV_TD_15EX, .ex = sv_bytes(ex, sizeof(ex))}};
                SV_JSON *claims = NULL;

                if (at[i] >= 0)
                        ex[at[i]] = 1;
                claims = sv_tdx_claims(&out, 0);
                assert_int_equal(sv_json_bool(sv_json_get(claims, "service_td"), at[i] < 0),
                                 at[i] >= 0);
                if (at[i] >= 0)
                        ex[at[i]] = 0;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(strict_xfam),
                cmocka_unit_test(service_tds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
