/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule that a guest file makes for SEV-SNP, and each of the built-in ones, refuses by itself:
 * over the claims of a report that the simulator's platform signed for that guest. */
#include "tests/unit/rule_walk.h"
#include "tests/unit/limits_of.h"
#include "tests/unit/snp_platform.h"

#include "base/crypto/crypto.h"
#include "policy/reference-make.h"
#include "sev/measure/measure.h"
#include "sev/measure/require.h"
#include "sev/tee.h"
#include "sev/verify/tee.h"

static char dir[] = "/tmp/sv-sev-rules-XXXXXX";
static struct sv_err err;

/* --- a report, and what it says --- */

struct edit {
        size_t at;
        uint8_t value;
};

/* Signed anew with these bytes changed, so that the proof holds. */
static struct sv_json *claims_of(const struct edit *edits, size_t n)
{
        const uint8_t data[64] = {1};
        uint8_t report[AMD_REPORT], signature[AMD_SIGNATURE];
        SV_BUF vek = SV_BUF_NULL, ca = SV_BUF_NULL, root = SV_BUF_NULL;
        struct sv_blob blobs[] = {{.kind = "vek"}, {.kind = "ca"}, {.kind = "ark-root"}};
        struct sv_verify_in in = {.time = 1780272000, .collateral = {blobs, 3, NULL}};
        struct sv_json *claims = NULL;
        SV_JSON *evidence = NULL;

        platform_read("vcek.der", &vek);
        platform_read("chain.pem", &ca);
        platform_read("ark.pem", &root);
        blobs[0].data = sv_buf_bytes(&vek);
        blobs[1].data = sv_buf_bytes(&ca);
        blobs[2].data = sv_buf_bytes(&root);
        amd_report(&pki, platform_state, data, 5, report);
        report[0x1f8] = report[0x200] = 3; /* mitigations at launch and now */
        for (size_t i = 0; i < n; i++)
                report[edits[i].at] = edits[i].value;
        amd_sign(pki.vcek_key, report, 0x2a0, signature);
        memcpy(report + 0x2a0, signature, 144);
        OK(sv_snp_evidence_wrap(sv_bytes(report, sizeof(report)), &evidence, &err));
        OK(verify_json(&sv_tee_verify_sev_snp, evidence, &in, &claims, &err));
        return claims;
}

/* --- the guest that it is about --- */

static void set_key_digest(const char *member, EVP_PKEY *key)
{
        uint8_t raw[AMD_KEY], digest[48];

        amd_public_key(key, raw);
        OK(sv_digest(SV_SHA384, sv_bytes(raw, sizeof(raw)), digest, &err));
        sv_json_set_hex(platform_state, member, sv_bytes(digest, sizeof(digest)));
}

/* An ID block with everything that it can say, and a state of the platform that fits it. */
static void make_identity(void)
{
        struct amd_id id = {.policy = 0x30000,
                            .family_id = "family",
                            .image_id = "image",
                            .guest_svn = 3,
                            .digest = {[47] = 1}};
        uint8_t block[AMD_ID_BLOCK], auth[AMD_ID_AUTH];
        EVP_PKEY *key = amd_p384(), *author = amd_p384();

        amd_id_block(&id, key, author, block, auth);
        platform_write("id_block", sv_bytes(block, sizeof(block)));
        platform_write("id_auth", sv_bytes(auth, sizeof(auth)));
        set_key_digest("id_key_digest", key);
        set_key_digest("author_key_digest", author);
        sv_json_set_hex(platform_state, "digest", sv_bytes(id.digest, 48));
        sv_json_set_hex(platform_state, "family_id", sv_bytes(id.family_id, 16));
        sv_json_set_hex(platform_state, "image_id", sv_bytes(id.image_id, 16));
        sv_json_set_int(platform_state, "guest_svn", id.guest_svn);
        sv_json_set_bool(platform_state, "author_key", true);
        EVP_PKEY_free(key);
        EVP_PKEY_free(author);
}

#define GUEST                                                                                    \
        "{\"name\":\"g\",\"tee\":\"sev-snp\",\"kernel\":\"k\",\"tees\":{\"sev-snp\":{"           \
        "\"id_block\":\"id_block\",\"id_auth\":\"id_auth\",\"author_key\":true,"                 \
        "\"test_root\":\"%s\",\"host_data\":\"%s\",\"require\":{"                                \
        "\"reported_tcb\":{\"snp\":1},\"committed_tcb\":{\"microcode\":1},"                      \
        "\"launch_tcb\":{\"bootloader\":1},\"firmware\":\"1.55.29\",\"mit_vector_set\":\"0x3\"," \
        "\"platform_set\":\"0x20\",\"platform_clear\":\"0x2\",\"chips_denied\":[\"%0128d\"],"    \
        "\"chips_allowed\":[\"%s\",\"%0128d\"],\"crl\":true}}}}"

static int guest_rules(const char *test_root, const struct sv_json *claims, struct sv_json *rules)
{
        struct sv_measurement m = {.values = sv_json_object()};
        SV_STR text = sv_asprintf(GUEST, test_root, sv_json_str(sv_json_get(claims, "host_data")),
                                  7, sv_json_str(sv_json_get(claims, "chip_id")), 7);
        SV_JSON *trust = sv_json_object();
        SV_GUEST guest = {0};
        int r;

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, &guest, &err));
        sv_json_set_str(m.values, "launch_digest", sv_json_str(sv_json_get(claims, "measurement")));
        memset(&err, 0, sizeof(err));
        r = sv_snp_rules(&guest, &m, rules, trust, &err);
        sv_measurement_free(&m);
        return r;
}

static void each_rule_of_a_guest_file(void **state)
{
        static const struct rule_row rows[] = {
                {"policy.launch_digest", NULL},
                {"policy.guest_policy", "\"0x20000\""},
                {"policy.debug", "true"},
                {"policy.migrate_ma", "true"},
                {"policy.smt", "false"},
                {"policy.vmpl", "1"},
                {"policy.id_key", NULL},
                {"policy.author_key", NULL},
                {"policy.family_id", NULL},
                {"policy.image_id", NULL},
                {"policy.guest_svn", "2"},
                {"policy.root", NULL},
                {"policy.host_data", NULL},
                {"policy.reported_tcb.snp", "0"},
                {"policy.committed_tcb.microcode", "0"},
                {"policy.launch_tcb.bootloader", "0"},
                {"policy.firmware", "79644"}, /* 1.55.28 */
                {"policy.mitigations", "\"0x2\""},
                {"policy.mitigations.launch", "\"0x1\""},
                {"policy.platform.set", "\"0x5\""},
                {"policy.platform.clear", "\"0x27\""},
                {"policy.chip", "\"0000000000000000000000000000000000000000000000000000000000000000"
                                "0000000000000000000000000000000000000000000000000000000000000007"
                                "\""},
                {"policy.chip.allowed", NULL},
                {"policy.provisional", "true"},
                {"policy.crl", "false"},
        };
        SV_JSON *claims = claims_of(NULL, 0);
        SV_JSON *rules = sv_json_array(), *left = sv_json_array(), *values = sv_json_object();

        OK(guest_rules("ark.pem", claims, rules));
        OK(sv_reference_split(rules, sv_tee_measure_sev_snp.image_claims, left, values, &err));
        assert_int_equal(sv_json_len(values), 1); /* what a reference set would say of it */
        assert_string_equal(sv_json_text(values, "/measurement", ""),
                            sv_json_text(claims, "measurement", "none"));
        assert_int_equal(sv_json_len(left), sv_json_len(rules) - 1);
        sv_json_set_bool(claims, "crl_checked", true); /* this proof had no list */
        WALK("sev-snp", rules, claims, rows);
}

static void each_built_in_rule(void **state)
{
        static const struct rule_row rows[] = {
                {"policy.smt", "false"},           {"policy.provisional", "true"},
                {"policy.tcb.committed", "false"}, {"policy.tcb.current", "false"},
                {"policy.tcb.launch", "false"},
        };
        SV_JSON *claims = claims_of(NULL, 0);
        SV_JSON *rules = NULL;

        OK(sv_json_parse(sv_bytes_str(sv_snp_strict), "test", &rules, &err));
        WALK("sev-snp", rules, claims, rows);
}

/* The same from the report's bytes: what the verifier makes of them is what the rules ask for. The
 * reported TCB is the VCEK's in all of them. */
static void each_report_that_is_refused(void **state)
{
        static const struct {
                const char *check;
                struct edit edits[4];
        } t[] = {
                {"policy.smt", {{0x00a, 0x02}}},            /* no SMT, and the platform has it on */
                {"policy.provisional", {{0x1ec, 28}}},      /* the committed build */
                {"policy.provisional", {{0x038 + 7, 220}}}, /* microcode that runs */
                {"policy.tcb.committed", {{0x1e0 + 6, 24}, {0x038 + 6, 24}}},
                {"policy.tcb.launch", {{0x1f0 + 6, 24}}},
        };
        SV_POLICY_DOC *p = NULL;
        SV_JSON *rules = NULL;

        OK(sv_json_parse(sv_bytes_str(sv_snp_strict), "test", &rules, &err));
        p = walk_policy("sev-snp", rules);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *claims = NULL;
                SV_VERDICT v = {0};
                size_t n = 0;

                while (n < 4 && t[i].edits[n].at)
                        n++;
                claims = claims_of(t[i].edits, n);
                FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, t[i].check);
                assert_int_equal(walk_failed(&v), 1);
        }
}

/* A minimum for each product, and none for those that are not named. */
static void minimums_by_product(void **state)
{
        static const char text[] = "{\"reported_tcb\":{\"Milan\":{\"snp\":24,\"microcode\":1},"
                                   "\"Genoa\":{\"snp\":23}},\"provisional\":true}";
        static const struct {
                const char *product;
                int64_t snp;
                const char *check; /* NULL: holds */
        } t[] = {{"Milan", 24, NULL},
                 {"Milan", 23, "policy.reported_tcb.milan.snp"},
                 {"Genoa", 23, NULL},
                 {"Genoa", 22, "policy.reported_tcb.genoa.snp"},
                 {"Turin", 99, "policy.reported_tcb.product"}};
        static const char *const wrong[] = {
                "{\"reported_tcb\":{\"Milan\":{}}}",
                "{\"reported_tcb\":{\"Milan\":24}}",
                "{\"reported_tcb\":{\"Milan\":{\"snp\":256}}}",
                "{\"reported_tcb\":{\"Milan\":{\"other\":1}}}",
                "{\"reported_tcb\":{\"Milan\":{\"snp\":1},\"snp\":1}}",
                "{\"reported_tcb\":{\"Milan\":{\"snp\":1},\"Naples\":{\"snp\":1}}}",
                "{\"reported_tcb\":{\"unknown\":{\"snp\":1}}}",
                "{\"chips_allowed\":[]}",
                "{\"chips_allowed\":[\"00\"]}",
        };
        SV_JSON *claims = claims_of(NULL, 0);
        SV_JSON *rules = sv_json_array();
        SV_JSON *require = NULL;
        SV_POLICY_DOC *p = NULL;

        OK(sv_json_parse(sv_bytes_str(text), "test", &require, &err));
        OK(sv_sev_require_rules(require, rules, &err));
        p = walk_policy("sev-snp", rules);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_VERDICT v = {0};

                sv_json_set_str(sv_json_get(claims, "vek"), "product", t[i].product);
                sv_json_set_int(sv_json_get(claims, "reported_tcb"), "snp", t[i].snp);
                if (t[i].check)
                        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, t[i].check);
                else
                        OK(sv_policy_evaluate(p, claims, &v, &err));
                assert_int_equal(walk_failed(&v), t[i].check != NULL);
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                SV_JSON *bad = NULL;
                SV_JSON *none = sv_json_array();

                OK(sv_json_parse(sv_bytes_str(wrong[i]), "test", &bad, &err));
                FAILS(sv_sev_require_rules(bad, none, &err), SV_USAGE, "guest.sev-snp.require");
        }
}

/* More is committed than runs: a firmware that was rolled back is also one that is provisional. */
static void older_than_committed(void **state)
{
        static const struct edit edits[] = {{0x1e0 + 6, 30}};
        SV_JSON *claims = claims_of(edits, 1);
        SV_JSON *rules = NULL;
        SV_POLICY_DOC *p = NULL;
        SV_VERDICT v = {0};

        OK(sv_json_parse(sv_bytes_str(sv_snp_strict), "test", &rules, &err));
        p = walk_policy("sev-snp", rules);
        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, "policy.provisional");
        assert_int_equal(walk_failed(&v), 2);
        sv_json_set_bool(sv_json_get(claims, "tcb"), "provisional", false);
        sv_verdict_free(&v);
        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, "policy.tcb.current");
}

/* A root that is named and is none. */
static void root_of_a_guest_file(void **state)
{
        SV_JSON *claims = claims_of(NULL, 0);
        SV_JSON *rules = sv_json_array();

        FAILS(guest_rules("id_block", claims, rules), SV_FORMAT, "snp.root.form");
        FAILS(guest_rules("nowhere", claims, rules), SV_SYSTEM, "snp.root.form");
}

static int setup(void **state)
{
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        make_identity();
        return 0;
}

static int teardown(void **state)
{
        platform_free();
        return sv_remove_tree(dir, NULL);
}

/* What no report shows. */
static void limits_of_a_report(void **state)
{
        static const struct expected_limit limits[] = {
                {"configuration", "/limits/configuration/unless"},
                {"executables", "/limits/executables/unless"},
                {"sourced-data", NULL}};
        SV_JSON *claims = claims_of(NULL, 0);

        limits_are(claims, limits, 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(limits_of_a_report),
                cmocka_unit_test(each_rule_of_a_guest_file),
                cmocka_unit_test(each_built_in_rule),
                cmocka_unit_test(each_report_that_is_refused),
                cmocka_unit_test(minimums_by_product),
                cmocka_unit_test(older_than_committed),
                cmocka_unit_test(root_of_a_guest_file),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
