/* SPDX-License-Identifier: Apache-2.0 */
/* A guest on a TEE that the tree does not know goes the whole way, from guest file to verdict. */
#include "tests/unit/unit.h"

#include "agent/attesters.h"
#include "attest/appraise.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "launcher/choose.h"
#include "launcher/guest-file.h"
#include "launcher/virt/domain.h"
#include "tests/unit/evidence.h"
#include "toy/guest/attester.h"
#include "toy/tee.h"

static struct sv_err err;
static char dir[] = "/tmp/sv-toy-XXXXXX";

/* A guest file with this kernel, and the policy for it. */
static struct sv_policy *make_policy(struct sv_guest *g, const struct sv_key *key,
                                     const char *kernel, uint8_t launch[32])
{
        SV_JSON *rules = sv_json_array(), *trust = sv_json_object(), *doc = sv_json_object();
        SV_BUF pem = SV_BUF_NULL, text = SV_BUF_NULL, hex = SV_BUF_NULL;
        SV_STR path = sv_asprintf("%s/kernel", dir);
        const struct sv_tee_host *host;
        const struct sv_tee_measure *tee;
        struct sv_measurement m = {0};
        struct sv_policy *policy;
        struct sv_json *own;

        OK(sv_file_write(path, 0600, sv_bytes_str(kernel), &err));
        OK(sv_key_public_pem(key, &pem, &err));
        sv_json_set_str(doc, "name", "g");
        sv_json_set_str(doc, "tee", "toy");
        sv_json_set_str(doc, "kernel", path);
        own = sv_json_set(sv_json_set(doc, "tees", sv_json_object()), "toy", sv_json_object());
        sv_json_set_str(own, "key", sv_buf_str(&pem));
        sv_json_set_str(own, "toy_salt", "salt");
        sv_json_print(doc, &text);
        OK(sv_guest_file_parse(sv_buf_bytes(&text), "g.json", dir, g, &err));
        OK(sv_tee_choose(NULL, g, SV_CHOOSE_HERE, &host, &err));
        assert_ptr_equal(host->id, &sv_tee_toy);
        OK(sv_tee_choose_measure(host->id, &tee, &err));
        OK(tee->measure(g, &m, &err));
        OK(sv_unhex(sv_bytes_str(sv_json_str(sv_json_get(m.values, "launch"))), &hex, "test",
                    &err));
        memcpy(launch, hex.p, 32);
        OK(tee->policy(g, &m, rules, trust, &err));
        sv_buf_free(&text);
        OK(sv_policy_write("g", "toy", "a/b/c", rules, trust, &text, &err));
        OK(sv_policy_parse(sv_buf_bytes(&text), &policy, &err));
        sv_measurement_free(&m);
        return policy;
}

static int appraise(const struct sv_policy *policy, const uint8_t asked[48], const uint8_t want[48],
                    struct sv_verdict *v)
{
        const struct sv_attester *a = sv_attester_find();
        struct sv_verify_in in = {.report_data = sv_bytes(want, 48), .time = 1700000000};
        SV_JSON *evidence = NULL, *claims = NULL;
        SV_EVIDENCE *e = NULL;

        assert_non_null(a);
        assert_ptr_equal(a->id, &sv_tee_toy);
        OK(a->evidence(NULL, sv_bytes(asked, 48), NULL, &evidence, &(struct sv_note){""}, &err));
        OK(sv_evidence_open(sv_tee_find_verify_kbs(a->id->kbs_name), evidence, &e, &err));
        return sv_appraise(e, &in, policy, &claims, v, &err);
}

static void test_whole_way(void **state)
{
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err), *other = NULL;
        uint8_t launch[32], launch2[32], data[48] = {1}, data2[48] = {2};
        SV_GUEST g = {0}, g2 = {0};
        SV_VERDICT v = {0}, w = {0};
        SV_POLICY_DOC *p = make_policy(&g, key, "kernel one", launch);
        SV_POLICY_DOC *p2 = make_policy(&g2, key, "kernel two", launch2);

        (void)state;
        toy_boot(launch, key);
        OK(appraise(p, data, data, &v));
        FAILS(appraise(p2, data, data, &w), SV_POLICY, "policy.toy.launch");
        FAILS(appraise(p, data, data2, &w), SV_PROOF, "toy.report_data");
        other = sv_key_generate(SV_KEY_P256, 0, &err);
        toy_boot(launch, other);
        FAILS(appraise(p, data, data, &w), SV_PROOF, "toy.signature");
}

static void test_domain_has_its_part(void **state)
{
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_GUEST g = {0};
        uint8_t launch[32];
        SV_POLICY_DOC *p = make_policy(&g, key, "kernel", launch);
        SV_BUF xml = SV_BUF_NULL;
        struct sv_plan plan = {.guest = &g,
                               .tee = &sv_tee_host_toy,
                               .cmdline = "",
                               .boot = {.kernel = "/k", .firmware = "/f"}};

        (void)state;
        (void)p;
        OK(sv_domain_xml(&plan, &xml, &err));
        assert_non_null(strstr(sv_buf_str(&xml), "<memballoon model='none'/>"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole_way),
                cmocka_unit_test(test_domain_has_its_part),
        };

        assert_non_null(mkdtemp(dir));
        return cmocka_run_group_tests(tests, NULL, NULL);
}
