/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the seeds of the TDX fuzz targets with the simulator's platform: make-tdx-corpus DIR
 * (tests/fuzz/corpus). Run by hand when formats change. */
#include "base/core/file.h"
#include "base/crypto/x509.h"
#include "tdx/verify/evidence.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/td_state.h"
#include "tests/unit/unit.h"

static const char state_text[] = TD_STATE("0000000010000000");
static const uint8_t rtmr[4][INTEL_MR] = {{0x10}, {0x11}, {0x12}, {0x13}};
static struct sv_err err;

static void save(const char *dir, const char *target, const char *name, struct sv_bytes data)
{
        SV_STR folder = sv_asprintf("%s/%s", dir, target);
        SV_STR path = sv_asprintf("%s/%s", folder, name);

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(path, 0644, data, &err));
}

static void load(const char *dir, const char *name, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);

        OK(sv_file_read(path, 1 << 16, out, "corpus", &err));
}

/* What PcsClientTool would have collected, and the collateral of one quote. */
static void bundles(const char *to, const char *dir)
{
        static const char *const parts[] = {"tcb_info.json", "qe_identity.json",
                                            "tcb_info_chain.pem", "pck_crl.der", "root_ca_crl.der"};
        SV_JSON *pcs = sv_json_object();
        SV_JSON *qvl = sv_json_object();
        struct sv_json *c = sv_json_set(pcs, "collaterals", sv_json_object()), *info;
        struct sv_buf b[5] = {0};
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < 5; i++) {
                SV_JSON *doc = NULL;
                SV_BUF body = SV_BUF_NULL;

                load(dir, parts[i], &b[i]);
                if (i >= 2)
                        continue;
                OK(sv_json_parse(sv_buf_bytes(&b[i]), "corpus", &doc, &err));
                sv_json_print(sv_json_get(doc, i ? "enclaveIdentity" : "tcbInfo"), &body);
                sv_json_set_str(qvl, i ? "qe_identity" : "tcb_info", sv_buf_str(&body));
                sv_json_set(qvl, i ? "qe_identity_signature" : "tcb_info_signature",
                            sv_json_ref(sv_json_get(doc, "signature")));
                if (i) {
                        sv_json_set_str(c, "tdqeidentity", sv_buf_str(&b[i]));
                        continue;
                }
                info = sv_json_add(sv_json_set(c, "tcbinfos", sv_json_array()), sv_json_object());
                sv_json_set_str(info, "fmspc", "50806f000000");
                sv_json_set(info, "tdx_tcbinfo", sv_json_ref(doc));
        }
        sv_json_set_str(qvl, "tcb_info_issuer_chain", sv_buf_str(&b[2]));
        sv_json_set_str(qvl, "qe_identity_issuer_chain", sv_buf_str(&b[2]));
        sv_json_set_hex(qvl, "pck_crl", sv_buf_bytes(&b[3]));
        sv_json_set_hex(qvl, "root_ca_crl", sv_buf_bytes(&b[4]));
        sv_json_set_hex(sv_json_set(c, "pckcacrl", sv_json_object()), "platformCrl",
                        sv_buf_bytes(&b[3]));
        sv_json_set_hex(c, "rootcacrl", sv_buf_bytes(&b[4]));
        sv_json_set_str(sv_json_set(c, "certificates", sv_json_object()), "TCB-Info-Issuer-Chain",
                        "-----BEGIN%20CERTIFICATE-----%0A");
        sv_json_print(pcs, &text);
        save(to, "tdx-bundle", "pcs", sv_buf_bytes(&text));
        sv_buf_clear(&text);
        sv_json_print(qvl, &text);
        save(to, "tdx-bundle", "qvl", sv_buf_bytes(&text));
        save(to, "tdx-tcb-info", "platform", sv_buf_bytes(&b[0]));
        save(to, "tdx-qe-identity", "platform", sv_buf_bytes(&b[1]));
        for (size_t i = 0; i < 5; i++)
                sv_buf_free(&b[i]);
}

static void quotes(const char *to, const char *dir, const struct sv_json *state)
{
        static const unsigned forms[3][2] = {{4, 2}, {5, 2}, {5, 3}};
        struct intel_signer signer;

        intel_signer_load(dir, &signer);
        for (size_t i = 0; i < 3; i++) {
                struct intel_quote q = {.version = forms[i][0],
                                        .type = forms[i][1],
                                        .state = state,
                                        .rtmr = rtmr,
                                        .report_data = "corpus"};
                SV_STR name = sv_asprintf("v%u-%u", forms[i][0], forms[i][1]);
                uint8_t report[INTEL_TD_REPORT];
                SV_BUF raw = SV_BUF_NULL, text = SV_BUF_NULL;
                SV_JSON *evidence = NULL;

                intel_quote(&signer, &q, &raw);
                save(to, "tdx-quote", name, sv_buf_bytes(&raw));
                intel_td_report(&q, report);
                save(to, "tdx-report", name, sv_bytes(report, sizeof(report)));
                OK(sv_tdx_evidence_wrap(sv_buf_bytes(&raw), &evidence, &err));
                sv_json_print(evidence, &text);
                save(to, "tdx-evidence", name, sv_buf_bytes(&text));
        }
        intel_signer_free(&signer);
}

int main(int argc, char **argv)
{
        struct intel_options o = {.fmspc = {0x50, 0x80, 0x6f}};
        struct intel_pki pki = {0};
        char dir[] = "/tmp/tdx-corpus.XXXXXX";
        SV_JSON *state = NULL;
        SV_BUF pem = SV_BUF_NULL;
        SV_CERTS chain = {0};
        struct sv_bytes ext;

        if (argc != 2 || !mkdtemp(dir))
                return 2;
        intel_pki_make(&o, &pki);
        intel_pki_save(&pki, &o, dir);
        intel_pki_free(&pki);
        OK(sv_json_parse(sv_bytes_str(state_text), "state", &state, &err));
        quotes(argv[1], dir, state);
        bundles(argv[1], dir);
        load(dir, "pck-chain.pem", &pem);
        OK(sv_certs_parse(sv_buf_bytes(&pem), &chain, "corpus", &err));
        for (size_t i = 0; i < chain.n; i++)
                if (sv_cert_ext(chain.list[i], "1.2.840.113741.1.13.1", &ext))
                        save(argv[1], "tdx-pck", "platform", ext);
        return sv_remove_tree(dir, &err) < 0;
}
