/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule that a guest file makes for TDX, and each of the built-in ones, refuses by itself: over
 * the claims of a quote that the simulator's platform signed for that guest. */
#include "tests/unit/evidence.h"
#include "tests/unit/rule_walk.h"

#include "policy/reference-make.h"
#include "tdx/measure/measure.h"
#include "tdx/tee.h"
#include "tdx/verify/bundle.h"
#include "tdx/verify/evidence.h"
#include "tdx/verify/tee.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/td_state.h"

#define SEAM                                                                                       \
        "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e" \
        "5e5e5e5e"

static char dir[] = "/tmp/sv-tdx-rules-XXXXXX";
static struct sv_err err;

static void make_platform(void)
{
        static const struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        struct intel_pki pki = {0};

        intel_pki_make(&o, &pki);
        intel_pki_save(&pki, &o, dir);
        intel_pki_free(&pki);
}

static void quote(const char *attributes, const char *xfam, struct sv_buf *out)
{
        static const uint8_t rtmr[4][INTEL_MR] = {{0x10}, {0x11}, {0x12}, {0x13}};
        SV_STR text = sv_asprintf("{\"outcome\":\"launched\",\"mrtd\":\"" TD_MR
                                  "\",\"mrconfigid\":\"" TD_MR "\",\"mrowner\":\"" TD_MR
                                  "\",\"mrownerconfig\":\"" TD_MR
                                  "\",\"attributes\":\"%s\",\"xfam\":\"%s\"}",
                                  attributes, xfam);
        SV_JSON *td = NULL;
        struct intel_quote q = {.version = 5, .type = 3, .rtmr = rtmr};
        struct intel_signer signer = {0};

        OK(sv_json_parse(sv_bytes_str(text), "test", &td, &err));
        q.state = td;
        intel_signer_load(dir, &signer);
        intel_quote(&signer, &q, out);
        intel_signer_free(&signer);
}

static struct sv_json *claims_of(const char *attributes, const char *xfam)
{
        static const struct {
                const char *kind, *file;
        } t[] = {{"tcb-info", "tcb_info.json"},
                 {"tcb-info-chain", "tcb_info_chain.pem"},
                 {"qe-identity", "qe_identity.json"},
                 {"qe-identity-chain", "qe_identity_chain.pem"},
                 {"pck-crl", "pck_crl.der"},
                 {"root-ca-crl", "root_ca_crl.der"},
                 {"sgx-root", "root.pem"}};
        enum { N = sizeof(t) / sizeof(t[0]) };
        struct sv_blob blobs[N] = {0};
        struct sv_buf raw[N] = {0};
        struct sv_verify_in in = {.time = 1780272000, .collateral = {blobs, N, NULL}};
        struct sv_json *claims = NULL;
        SV_JSON *evidence = NULL;
        SV_BUF q = SV_BUF_NULL;

        for (size_t i = 0; i < N; i++) {
                SV_STR path = sv_asprintf("%s/%s", dir, t[i].file);

                OK(sv_file_read(path, 1 << 16, &raw[i], "test.file", &err));
                snprintf(blobs[i].kind, sizeof(blobs[i].kind), "%s", t[i].kind);
                blobs[i].data = sv_buf_bytes(&raw[i]);
        }
        quote(attributes, xfam, &q);
        OK(sv_tdx_evidence_write(sv_buf_bytes(&q), SV_BYTES_NULL, &evidence, &err));
        OK(verify_json(&sv_tee_verify_tdx, evidence, &in, &claims, &err));
        for (size_t i = 0; i < N; i++)
                sv_buf_free(&raw[i]);
        return claims;
}

static struct sv_json *claims_of_the_td(void)
{
        return claims_of("0000000010000000", "00000000000602e7");
}

/* --- rules --- */

#define REQUIRE                                                                 \
        "\"grace_days\":90,\"tcb_date\":\"2020-01-01\",\"tcb_evaluation\":17,"  \
        "\"advisories_denied\":[\"INTEL-SA-00960\"],\"mrseam\":[\"" SEAM "\"]," \
        "\"fmspc\":[\"50806f000000\"],"                                         \
        "\"platforms_denied\":[\"00112233445566778899aabbccddeeff\"]"

static int guest_rules(const char *test_root, const char *require, const struct sv_json *claims,
                       struct sv_json *rules)
{
        static const char *const registers[] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"tdx\",\"kernel\":\"k\",\"tees\":"
                                  "{\"tdx\":{\"mrconfigid\":\"" TD_MR "\",\"mrowner\":\"" TD_MR
                                  "\",\"mrownerconfig\":\"" TD_MR "\",\"test_root\":\"%s\","
                                  "\"require\":{\"rtmr3\":\"13%094d\",%s}}}}",
                                  test_root, 0, require);
        struct sv_measurement m = {.values = sv_json_object(), .unpredicted = sv_json_array()};
        SV_JSON *trust = sv_json_object();
        SV_GUEST guest = {0};
        int r;

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, &guest, &err));
        for (size_t i = 0; i < 4; i++)
                sv_json_set_str(m.values, registers[i],
                                sv_json_str(sv_json_get(claims, registers[i])));
        memset(&err, 0, sizeof(err));
        r = sv_tdx_rules(&guest, &m, rules, trust, &err);
        sv_measurement_free(&m);
        return r;
}

static const struct rule_row guest_rows[] = {
        {"policy.mrtd", NULL},
        {"policy.rtmr0", NULL},
        {"policy.rtmr1", NULL},
        {"policy.rtmr2", NULL},
        {"policy.mrconfigid", NULL},
        {"policy.mrowner", NULL},
        {"policy.mrownerconfig", NULL},
        {"policy.root", NULL},
        {"policy.attributes.set", "\"0x0000000000000000\""},
        {"policy.attributes.clear", "\"0x0000000030000000\""},
        {"policy.debug", "true"},
        {"policy.tcb.status", "\"ConfigurationNeeded\""},
        {"policy.tcb.grace", "91"},
        {"policy.tcb.date", "1577836799"}, /* the second before */
        {"policy.tcb.evaluation.tcb_info", "16"},
        {"policy.tcb.evaluation.qe_identity", "16"},
        {"policy.advisory.00960", "true"},
        {"policy.mrseam", NULL},
        {"policy.fmspc", NULL},
        {"policy.platform", "\"00112233445566778899aabbccddeeff\""},
        {"policy.service_td", "true"},
        {"policy.sept_ve_disable", "false"},
        {"policy.xfam", "\"0x00000000000602ef\""},
        {"policy.xfam.base", "\"0x00000000000602e6\""},
        {"policy.rtmr3", NULL},
};

static void each_rule_of_a_guest_file(void **state)
{
        SV_JSON *claims = claims_of_the_td();
        SV_JSON *rules = sv_json_array(), *left = sv_json_array(), *values = sv_json_object();

        OK(guest_rules("root.pem", REQUIRE, claims, rules));
        WALK("tdx", rules, claims, guest_rows);
        OK(sv_reference_split(rules, sv_tee_measure_tdx.image_claims, left, values, &err));
        assert_int_equal(sv_json_len(values), 4); /* what a reference set would say of it */
        assert_string_equal(sv_json_text(values, "/rtmr2", ""),
                            sv_json_text(claims, "rtmr2", "none"));
        assert_int_equal(sv_json_len(left), sv_json_len(rules) - 4);
}

/* A service TD by its name, in place of none. */
static void a_service_td_that_is_named(void **state)
{
        SV_STR require = sv_asprintf("%s,\"mrservicetd\":\"%096d\"", REQUIRE, 0);
        struct rule_row rows[sizeof(guest_rows) / sizeof(guest_rows[0])];
        SV_JSON *claims = claims_of_the_td();
        SV_JSON *rules = sv_json_array();

        memcpy(rows, guest_rows, sizeof(rows));
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (!strcmp(rows[i].check, "policy.service_td"))
                        rows[i] = (struct rule_row){"policy.mrservicetd", NULL};
        OK(guest_rules("root.pem", require, claims, rules));
        WALK("tdx", rules, claims, rows);
}

static void each_built_in_rule(void **state)
{
        static const struct rule_row rows[] = {
                {"policy.debug", "true"},
                {"policy.attributes.unknown", "true"},
                {"policy.migratable", "true"},
                {"policy.sept_ve_disable", "false"},
                {"policy.xfam", "\"0x000000000000000b\""},
                {"policy.xfam.base", "\"0x00000000000000e5\""},
                {"policy.service_td", "true"},
                {"policy.tcb.status", "\"OutOfDate\""},
        };
        SV_JSON *claims = claims_of_the_td();
        SV_JSON *rules = NULL;

        OK(sv_json_parse(sv_bytes_str(sv_tdx_strict), "test", &rules, &err));
        WALK("tdx", rules, claims, rows);
}

/* The same from the TD's own bits: what the verifier makes of them is what the rules ask for. */
static void each_td_that_is_refused(void **state)
{
        static const struct {
                const char *attributes, *xfam, *check; /* NULL: holds */
        } t[] = {
                {"0000000010000000", "00000000000602e7", NULL},
                {"8000000050000000", "00000000000602e7", NULL}, /* PERFMON, PKS */
                {"0000000010000001", "00000000000602e7", "policy.debug"},
                {"0000000010000100", "00000000000602e7", "policy.attributes.unknown"},
                {"0000000030000000", "00000000000602e7", "policy.migratable"},
                {"0000000000000000", "00000000000602e7", "policy.sept_ve_disable"},
                {"0000000010000000", "00000000000602ef", "policy.xfam"},
                {"0000000010000000", "00000000000602e4", "policy.xfam.base"},
        };
        SV_POLICY_DOC *p = NULL;
        SV_JSON *rules = NULL;

        OK(sv_json_parse(sv_bytes_str(sv_tdx_strict), "test", &rules, &err));
        p = walk_policy("tdx", rules);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *claims = claims_of(t[i].attributes, t[i].xfam);
                SV_VERDICT v = {0};

                if (!t[i].check) {
                        OK(sv_policy_evaluate(p, claims, &v, &err));
                        continue;
                }
                FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, t[i].check);
                assert_int_equal(walk_failed(&v), 1);
        }
}

/* A root that is named and is none. */
static void root_of_a_guest_file(void **state)
{
        SV_JSON *claims = claims_of_the_td();
        SV_JSON *rules = sv_json_array();

        FAILS(guest_rules("tcb_info.json", REQUIRE, claims, rules), SV_FORMAT, "tdx.root.form");
        FAILS(guest_rules("nowhere", REQUIRE, claims, rules), SV_SYSTEM, "tdx.root.form");
}

static int setup(void **state)
{
        assert_non_null(mkdtemp(dir));
        make_platform();
        return 0;
}

static int teardown(void **state)
{
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_rule_of_a_guest_file),
                cmocka_unit_test(a_service_td_that_is_named),
                cmocka_unit_test(each_built_in_rule),
                cmocka_unit_test(each_td_that_is_refused),
                cmocka_unit_test(root_of_a_guest_file),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
