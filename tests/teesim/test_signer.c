/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of the test platform hold for our verifier under their own root, and under no other;
 * every changed bit that is signed is seen. */
#include "base/core/file.h"
#include "sev/verify/verify.h"
#include "tests/teesim/signer.h"
#include "tests/unit/unit.h"

#define JUNE_2026 1780272000

static const char state_text[] =
        "{\"outcome\":\"launched\",\"fw_error\":0,\"digest\":\"%s%s\",\"host_data\":\"%s\","
        "\"family_id\":\"00000000000000000000000000000001\","
        "\"image_id\":\"00000000000000000000000000000002\",\"id_key_digest\":\"%s%s\",\"author_key_"
        "digest\":\"%s%s\",\"guest_svn\":3,"
        "\"policy\":196608,\"features\":1,\"vcpus\":1,\"id_block\":true,\"author_key\":true,\"vcek_"
        "disabled\":false}";

static struct sv_json *make_state(void)
{
        static const char a[] = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
                          b[] = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";
        struct sv_err err = SV_ERR_NULL;
        struct sv_json *state = NULL;
        SV_BUF text = SV_BUF_NULL;

        sv_buf_printf(&text, state_text, a, b, a, a, b, a, b);
        OK(sv_json_parse(sv_buf_bytes(&text), "state", &state, &err));
        return state;
}

static void read_certs(const char *dir, const char *name, struct sv_certs *out)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF raw = SV_BUF_NULL;

        OK(sv_file_read(path, 1 << 16, &raw, "test.cert", &err));
        OK(sv_certs_parse(sv_buf_bytes(&raw), out, "test.cert", &err));
}

/* The same chain once, for more than one report. */
static void by_signer(const struct sv_snp_in *given)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_snp_signer s = {.key = NULL};
        struct sv_snp_in in = *given;
        uint8_t changed[AMD_REPORT];
        struct sv_report r;

        for (int i = 0; i < 2; i++) {
                in = *given;
                OK(sv_report_parse(in.report, &r, &err));
                OK(sv_snp_verify_with(&s, &in, &r, &err));
                assert_false(s.root.amd);
                in.chain.time = JUNE_2026 + 86400;
                OK(sv_snp_verify_with(&s, &in, &r, &err));
                in.report_data = sv_bytes("other", 5);
                FAILS(sv_snp_verify_with(&s, &in, &r, &err), SV_PROOF, "snp.report_data");
                /* As much as the chain's certificates and lists are good for, and no more: refused
                 * by the name that it has without a signer. */
                in = *given;
                for (int k = 0; k < 2; k++) {
                        struct sv_err anew = SV_ERR_NULL;
                        struct sv_vek v;
                        bool test;

                        in.chain.time = k ? INT64_C(1) << 40 : 0;
                        assert_int_equal(sv_snp_verify(&in, &r, &v, &test, &anew), -1);
                        FAILS(sv_snp_verify_with(&s, &in, &r, &err), SV_PROOF, anew.check);
                        assert_string_equal(err.msg, anew.msg);
                }
                memcpy(changed, given->report.p, sizeof(changed));
                changed[0x90] ^= 1;
                in = *given;
                in.report = sv_bytes(changed, sizeof(changed));
                OK(sv_report_parse(in.report, &r, &err));
                FAILS(sv_snp_verify_with(&s, &in, &r, &err), SV_PROOF, "snp.signature");
        }
        sv_snp_signer_free(&s);
        in = *given;
        in.chain.test_roots = NULL;
        FAILS(sv_snp_signer_prove(&s, &in.chain, &err), SV_PROOF, "snp.chain.root");
        sv_snp_signer_free(&s);
}

static void each_version(const char *dir, const struct amd_pki *pki)
{
        SV_CERTS vcek = {0}, chain = {0}, root = {0};
        SV_JSON *state = make_state();
        SV_STR crl_path = sv_asprintf("%s/crl.der", dir);
        SV_BUF crl = SV_BUF_NULL;
        struct sv_bytes crl_bytes;
        struct sv_err err = SV_ERR_NULL;
        uint8_t data[64] = "report data", raw[AMD_REPORT];

        read_certs(dir, "vcek.der", &vcek);
        read_certs(dir, "chain.pem", &chain);
        read_certs(dir, "ark.pem", &root);
        OK(sv_file_read(crl_path, 1 << 16, &crl, "test.crl", &err));
        crl_bytes = sv_buf_bytes(&crl);
        for (unsigned version = pki->product->turin_tcb ? 3 : 2; version <= 5; version++) {
                struct sv_snp_in in = {.report = sv_bytes(raw, sizeof(raw)),
                                       .report_data = sv_bytes(data, sizeof(data)),
                                       .chain = {.vek = vcek.list[0],
                                                 .ca = &chain,
                                                 .crls = &crl_bytes,
                                                 .n_crls = 1,
                                                 .test_roots = &root,
                                                 .time = JUNE_2026}};
                struct sv_report r;
                struct sv_vek v;
                bool test = false;

                amd_report(pki, state, data, version, raw);
                OK(sv_snp_verify(&in, &r, &v, &test, &err));
                assert_true(test);
                assert_int_equal(r.guest_svn, 3);
                if (version >= 3) /* before, a report does not say */
                        assert_string_equal(sv_sev_product_name(r.product), pki->product->name);
                raw[0x90] ^= 1;
                FAILS(sv_snp_verify(&in, &r, &v, &test, &err), SV_PROOF, "snp.signature");
                raw[0x90] ^= 1;
                by_signer(&in);
                in.chain.test_roots = NULL;
                FAILS(sv_snp_verify(&in, &r, &v, &test, &err), SV_PROOF, "snp.chain.root");
        }
}

static void product(const char *name)
{
        char dir[] = "/tmp/teesim-pki.XXXXXX";
        struct amd_pki pki = {0}, loaded = {0};
        struct sv_err err = SV_ERR_NULL;

        assert_non_null(mkdtemp(dir));
        amd_pki_make(amd_product(name), &pki);
        amd_pki_save(&pki, dir);
        amd_pki_load_signer(dir, &loaded);
        each_version(dir, &loaded);
        amd_pki_free(&loaded);
        amd_pki_free(&pki);
        OK(sv_remove_tree(dir, &err));
}

static void test_milan(void **state)
{
        product("Milan");
}

static void test_genoa(void **state)
{
        product("Genoa");
}

static void test_turin(void **state)
{
        product("Turin");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_milan),
                cmocka_unit_test(test_genoa),
                cmocka_unit_test(test_turin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
