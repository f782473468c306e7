/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of the KBS "tpm" evidence: every case gets its verdict; MakeCredential against
 * real certificates. */
#include "vtpm/tee.h"
#include "tests/unit/evidence.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/x509.h"
#include "tests/unit/unit.h"
#include "vtpm/verify/credential.h"
#include "vtpm/verify/ek.h"
#include "vtpm/verify/evidence.h"
#include "vtpm/verify/quote.h"
#include "vtpm/verify/verify.h"

#define DIR "kbs/generated/tpm/"

static void read_vector(const char *rel, struct sv_buf *out)
{
        struct sv_err err;

        OK(sv_file_read(vector_path(rel), SV_JSON_SIZE_MAX, out, "test", &err));
}

static int verify(const struct sv_json *c, struct sv_err *err)
{
        SV_BUF nonce = SV_BUF_NULL;
        SV_JSON *claims = NULL;
        struct sv_verify_in in = {.time = 1800000000};

        if (sv_json_need_hex(c, "expected_nonce_hex", &nonce, "test", err) < 0)
                return -1;
        in.report_data = sv_buf_bytes(&nonce);
        return verify_json(&sv_tee_verify_vtpm, sv_json_get(c, "evidence"), &in, &claims, err);
}

/* None of the cases has an origin for its key. A sound quote ends there, and only there. */
static void cases(void **state)
{
        static const struct {
                const char *name;
                enum sv_class class;
                const char *check;
        } expected[] = {
                /* "accept when the AK is enrolled": we keep no list of keys */
                {"ok-enrolled-ak", SV_PROOF, "vtpm.ak.origin"},
                {"ok-ak-not-enrolled", SV_PROOF, "vtpm.ak.origin"},
                {"neg-pcr-value", SV_PROOF, "vtpm.quote.digest"},
                {"neg-message-bit", SV_PROOF, "vtpm.signature"},
                {"neg-magic", SV_PROOF, "vtpm.signature"},
                {"neg-nonce", SV_PROOF, "vtpm.quote.nonce"},
                {"neg-23-pcrs", SV_FORMAT, "vtpm.evidence.pcrs"},
                {"neg-trailing", SV_PROOF, "vtpm.signature"},
                {"neg-sig-hash-sha1", SV_PROOF, "vtpm.signature.hash"},
                {"neg-raw-signature", SV_FORMAT, "vtpm.signature.scheme"},
                {"neg-software-key", SV_PROOF, "vtpm.ak.origin"},
                {"neg-attest-type", SV_PROOF, "vtpm.signature"},
        };
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *list = NULL;
        struct sv_err err;

        read_vector(DIR "tpm_cases.json", &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &list, &err));
        assert_int_equal(sv_json_len(list), sizeof(expected) / sizeof(*expected));
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *c = sv_json_at(list, i);
                const char *name = sv_json_str(sv_json_get(c, "name"));
                size_t k = 0;

                while (k < sizeof(expected) / sizeof(*expected) && strcmp(name, expected[k].name))
                        k++;
                if (k == sizeof(expected) / sizeof(*expected))
                        fail_msg("no verdict is written down for the case %s", name);
                print_message("%s: %s\n", name, expected[k].check);
                FAILS(verify(c, &err), expected[k].class, expected[k].check);
        }
}

/* A sound quote beside a key of another kind, and beside a key that signs with another hash only.
 */
static void refuse_other_keys(struct sv_tpm_quote_in *in, const struct sv_key *ak)
{
        const bool rsa = sv_key_type(ak) == SV_KEY_RSA;
        struct sv_err err;
        SV_KEY *other = sv_key_generate(rsa ? SV_KEY_P256 : SV_KEY_RSA, rsa ? 0 : 2048, &err);
        struct sv_tpm_public pub = {
                .scheme = {rsa ? SV_TPM_ALG_RSASSA : SV_TPM_ALG_ECDSA, SV_TPM_ALG_SHA384, 0}};
        struct sv_tpm_quote q;

        in->ak = other;
        FAILS(sv_tpm_quote_verify(in, &q, &err), SV_PROOF, "vtpm.signature.key");
        in->ak = ak;
        in->ak_public = &pub;
        FAILS(sv_tpm_quote_verify(in, &q, &err), SV_PROOF, "vtpm.signature.ak-scheme");
        in->ak_public = NULL;
}

/* The same quotes with the key taken for granted, as a server with a list of enrolled keys would:
 * sound ones hold. */
static void quotes(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *list = NULL;
        struct sv_err err;
        int held = 0;

        read_vector(DIR "tpm_cases.json", &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &list, &err));
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *c = sv_json_at(list, i);
                const char *name = sv_json_str(sv_json_get(c, "name"));
                SV_VTPM_EVIDENCE e = {0};
                SV_BUF nonce = SV_BUF_NULL;
                SV_KEY *ak = NULL;
                struct sv_tpm_quote q;

                if (strncmp(name, "ok-", 3) && strcmp(name, "neg-software-key"))
                        continue;
                OK(sv_vtpm_evidence_read(sv_json_get(c, "evidence"), &e, &err));
                OK(sv_json_need_hex(c, "expected_nonce_hex", &nonce, "test", &err));
                ak = sv_key_from_spki(sv_buf_bytes(&e.ak_spki), &err);
                assert_non_null(ak);
                struct sv_tpm_quote_in in = {
                        .ak = ak,
                        .bank = SV_SHA256,
                        .report_data = sv_buf_bytes(&nonce),
                        .message = sv_buf_bytes(&e.banks[0].message),
                        .signature = sv_buf_bytes(&e.banks[0].signature),
                        .pcrs = (const uint8_t(*)[SV_DIGEST_MAX])e.banks[0].pcrs};
                OK(sv_tpm_quote_verify(&in, &q, &err));
                refuse_other_keys(&in, ak);
                held++;
        }
        assert_int_equal(held, 3);
}

/* The AK's public area and the Name that tpm2-tools computed for it. */
static void ak_name(void **state)
{
        SV_BUF tss = SV_BUF_NULL, want = SV_BUF_NULL;
        struct sv_tpm_name name;
        struct sv_err err;

        read_vector(DIR "ak.tss", &tss);
        read_vector(DIR "ak.name", &want);
        OK(sv_tpm_name(sv_buf_bytes(&tss), &name, &err));
        assert_true(sv_bytes_eq(sv_tpm_name_bytes(&name), sv_buf_bytes(&want)));
}

/* EK certificates of both kinds: names, usage, chain; our public area of the RSA key is the TPM's,
 * to the byte. */
static void ek_certs(void **state)
{
        static const char *const files[] = {DIR "ekcert_rsa.der", DIR "ekcert_ecc384.der"};
        SV_BUF root = SV_BUF_NULL, issuer = SV_BUF_NULL, platform = SV_BUF_NULL;
        SV_CERT *not_ek = NULL;
        struct sv_err err;

        read_vector(DIR "swtpm_localca_root.pem", &root);
        read_vector(DIR "swtpm_localca_issuer.pem", &issuer);
        const struct sv_blob list[] = {{"ek-root", sv_buf_bytes(&root)},
                                       {"ek-intermediate", sv_buf_bytes(&issuer)}};
        const struct sv_verify_in in = {.collateral = {list, 2, NULL}, .time = 1800000000};

        for (size_t i = 0; i < 2; i++) {
                SV_BUF der = SV_BUF_NULL, blob = SV_BUF_NULL, encrypted = SV_BUF_NULL;
                struct sv_vtpm_ek ek;
                struct sv_tpm_name name = {{0, 0x0b}, 34};
                struct sv_tpm_ek_profile profile;
                SV_CERT *cert = NULL;
                SV_KEY *key = NULL;

                read_vector(files[i], &der);
                cert = sv_cert_from_der(sv_buf_bytes(&der), "test", &err);
                assert_non_null(cert);
                OK(sv_vtpm_ek_verify(cert, &(struct sv_certs){0}, &in, &ek, &err));
                assert_string_equal(ek.subject_cn, "vm-0001");
                assert_string_equal(ek.model, "swtpm");
                key = sv_cert_key(cert, &err);
                assert_non_null(key);
                OK(sv_tpm_ek_profile(key, &profile, &err));
                OK(sv_tpm_make_credential(key, &name,
                                          sv_bytes_str("0123456789abcdef0123456789abcdef"), &blob,
                                          &encrypted, &err));
                assert_int_equal(blob.n, 2 + 2 + sv_digest_size(profile.name_alg) + 34);
                assert_int_equal(encrypted.n, i ? 2 + 2 * 50 : 2 + 256);
        }
        read_vector(DIR "platform_cert.der", &platform);
        not_ek = sv_cert_from_der(sv_buf_bytes(&platform), "test", &err);
        assert_non_null(not_ek);
        FAILS(sv_vtpm_ek_verify(not_ek, &(struct sv_certs){0}, &in, &(struct sv_vtpm_ek){{0}},
                                &err),
              SV_PROOF, "vtpm.ek.eku");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(quotes),
                                           cmocka_unit_test(ak_name), cmocka_unit_test(ek_certs)};

        return cmocka_run_group_tests_name("vtpm-vectors", tests, NULL, NULL);
}
