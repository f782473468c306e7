/* SPDX-License-Identifier: Apache-2.0 */
/* What policy diff says: each member, rule and set that differs, and nothing else. */
#include "tests/unit/unit.h"

#include "launcher/cli/policy-diff.h"

static struct sv_err err;

#define RULE(check, value)                                            \
        "{\"check\":\"" check "\",\"claim\":\"/a\",\"equals\":" value \
        ",\"covers\":\"hardware\",\"reason\":\"r\"}"
#define DOC(more) "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b/c\"" more "}"

static void each_difference(void **state)
{
        static const struct {
                const char *a, *b;
                const char *what[3];
        } t[] = {
                {DOC(""), DOC(""), {NULL}},
                {DOC(",\"lease\":120"), DOC(""), {"lease"}},
                {DOC(",\"reference_set\":\"v/r/web\""),
                 DOC(",\"reference_set\":\"v/r/db\""),
                 {"reference_set"}},
                {DOC(",\"allow\":[\"debug\"]"), DOC(",\"allow\":[\"tcb\"]"), {"allow"}},
                {DOC(",\"trust\":{}"), DOC(",\"trust\":{\"ek_roots\":[\"x\"]}"), {"trust"}},
                {DOC(",\"rules\":[" RULE("policy.a", "1") "," RULE("policy.b", "1") "]"),
                 DOC(",\"rules\":[" RULE("policy.b", "1") "," RULE("policy.a", "2") "]"),
                 {"rule policy.a"}},
                {DOC(",\"rules\":[" RULE("policy.a", "1") "]"),
                 DOC(",\"rules\":[" RULE("policy.b", "1") "]"),
                 {"rule policy.a", "rule policy.b"}},
                {DOC(",\"sets\":[{\"name\":\"x\",\"generation\":1,\"rules\":[" RULE("policy.a",
                                                                                    "1") "]}]"),
                 DOC(",\"sets\":[{\"name\":\"x\",\"generation\":1,\"retired\":true,\"rules\":"
                     "[" RULE("policy.a",
                              "2") "]},{\"name\":\"y\",\"generation\":2,\"rules\":[]}]"),
                 {"set 1: retired", "set 1: rule policy.a", "set 2"}},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                for (int turned = 0; turned < 2; turned++) {
                        SV_JSON *a = NULL;
                        SV_JSON *b = NULL;
                        SV_JSON *rows = sv_json_array();
                        size_t n = 0;

                        OK(sv_json_parse(sv_bytes_str(turned ? t[i].b : t[i].a), "test", &a, &err));
                        OK(sv_json_parse(sv_bytes_str(turned ? t[i].a : t[i].b), "test", &b, &err));
                        sv_policy_diff(a, b, rows);
                        while (n < 3 && t[i].what[n])
                                n++;
                        assert_int_equal(sv_json_len(rows), n);
                        for (size_t k = 0; k < n; k++) {
                                bool found = false;

                                for (size_t r = 0; r < n; r++)
                                        found |= !strcmp(t[i].what[k],
                                                         sv_json_str(sv_json_get(
                                                                 sv_json_at(rows, r), "what")));
                                assert_true(found);
                        }
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(each_difference)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
