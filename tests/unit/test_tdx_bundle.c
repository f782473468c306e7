/* SPDX-License-Identifier: Apache-2.0 */
/* tdx/verify/bundle: a platform's collateral in one file, malformed, and without each part. */
#include "unit.h"

#include "tdx/verify/bundle.h"

static struct sv_err err;

static void bundle_malformed(void **state)
{
        static const struct {
                const char *text, *check;
        } t[] = {
                {"", "tdx.bundle.json"},
                {"{}", "tdx.bundle.form"},
                {"[]", "tdx.bundle.form"},
                {"{\"tcb_info\":1}", "tdx.bundle.member"},
                {"{\"tcb_info\":\"{}\"}", "tdx.bundle.member"},
                {"{\"tcb_info\":\"{}\",\"tcb_info_signature\":\"\\\"\"}", "tdx.bundle.hex"},
                {"{\"tcb_info\":\"{}\",\"tcb_info_signature\":\"00\",\"qe_identity\":\"{}\",\"qe_"
                 "identity_signature\":\"00\"}",
                 "tdx.bundle.member"},
                {"{\"tcb_info\":\"{}\",\"tcb_info_signature\":\"00\",\"qe_identity\":\"{}\",\"qe_"
                 "identity_signature\":\"00\","
                 "\"tcb_info_issuer_chain\":\"\",\"qe_identity_issuer_chain\":\"\",\"pck_crl\":"
                 "\"0x\"}",
                 "tdx.bundle.hex"},
                {"{\"collaterals\":{\"tdqeidentity\":1}}", "tdx.bundle.member"},
                {"{\"collaterals\":{\"tcbinfos\":[{\"fmspc\":\"00806F050000\",\"tdx_tcbinfo\":[]}]}"
                 "}",
                 "tdx.bundle.member"},
                {"{\"collaterals\":{\"certificates\":{\"TCB-Info-Issuer-Chain\":\"-%4\"}}}",
                 "tdx.bundle.chain"},
                {"{\"collaterals\":{\"rootcacrl\":{}}}", "tdx.bundle.member"},
                {"{\"collaterals\":{\"pckcacrl\":{\"platformCrl\":\"3\"}}}", "tdx.bundle.hex"},
        };
        const struct sv_pck pck = {.fmspc = {0, 0x80, 0x6f, 5}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_tdx_bundle b = {0};

                FAILS(sv_tdx_bundle_read(sv_bytes_str(t[i].text), &pck, false, &b, &err), SV_FORMAT,
                      t[i].check);
                assert_null(b.part[0].p);
        }
}

/* A bundle of Intel's library as it is written, and without each of its members; it may do without
 * revocation lists, the verifier then misses them. */
static void bundle_of_the_library(void **state)
{
        static const char *const members[][2] = {{"tcb_info", "{}"},
                                                 {"tcb_info_signature", "00"},
                                                 {"qe_identity", "{}"},
                                                 {"qe_identity_signature", "00"},
                                                 {"tcb_info_issuer_chain", "chain"},
                                                 {"qe_identity_issuer_chain", "chain"},
                                                 {"pck_crl", "00"},
                                                 {"root_ca_crl", "00"}};
        const size_t n = sizeof(members) / sizeof(*members);
        const struct sv_pck pck = {0};

        for (size_t without = 0; without <= n; without++) {
                struct sv_tdx_bundle b = {0};
                SV_JSON *j = sv_json_object();
                SV_BUF out = SV_BUF_NULL;

                for (size_t i = 0; i < n; i++)
                        if (i != without)
                                sv_json_set_str(j, members[i][0], members[i][1]);
                sv_json_print(j, &out);
                if (without >= n - 2)
                        OK(sv_tdx_bundle_read(sv_buf_bytes(&out), &pck, false, &b, &err));
                else if (without == 0) /* which is what says that it is one */
                        FAILS(sv_tdx_bundle_read(sv_buf_bytes(&out), &pck, false, &b, &err),
                              SV_FORMAT, "tdx.bundle.form");
                else
                        FAILS(sv_tdx_bundle_read(sv_buf_bytes(&out), &pck, false, &b, &err),
                              SV_FORMAT, "tdx.bundle.member");
                sv_tdx_bundle_free(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(bundle_malformed),
                                           cmocka_unit_test(bundle_of_the_library)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
