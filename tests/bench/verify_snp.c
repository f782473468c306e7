/* SPDX-License-Identifier: Apache-2.0 */
/* What verification of an SNP report costs beside its public-key operations alone: the chain's
 * RSA-4096 signatures (three: a root that is not AMD's must have signed itself) and the report's
 * one on P-384. Keys and certificates are made for the run. Most of what a certificate costs beyond
 * that is libcrypto's taking it in, so from bytes to verdict we stand beside libcrypto doing the
 * same from the same bytes. Fails when a ratio is above its limit. */
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "sev/verify/verify.h"
#include "tests/bench/timing.h"
#include "tests/teesim/signer.h"

#define TIME   1780272000
#define ROUNDS 40
#define CALLS  10

static const char state_text[] = "{\"outcome\":\"launched\",\"digest\":\"%096d\",\"host_data\":\"%"
                                 "064d\",\"family_id\":\"%032d\",\"image_id\":\"%032d\","
                                 "\"id_key_digest\":\"%096d\",\"author_key_digest\":\"%096d\","
                                 "\"guest_svn\":0,\"policy\":196608,\"vcpus\":1,"
                                 "\"author_key\":false}";

struct work {
        struct amd_pki pki;
        struct sv_buf vcek, ca, root;
        struct sv_certs trusted, vek, chain;
        uint8_t report[AMD_REPORT];
        struct sv_snp_signer signer;
        /* the operations alone: keys ready, signatures in libcrypto's form */
        struct op {
                EVP_PKEY *key;
                struct sv_bytes signed_part, signature;
                bool pss;
        } op[4]; /* ASK, VCEK, ARK, report */
        struct sv_buf der[4];
};

static void need(bool ok, const char *what)
{
        if (ok)
                return;
        fprintf(stderr, "verify-snp: %s\n", what);
        exit(3);
}

static void cert_bytes(X509 *x, struct sv_buf *out)
{
        unsigned char *der = NULL;
        int n = i2d_X509(x, &der);

        need(n > 0, "a certificate");
        sv_buf_put(out, sv_bytes(der, (size_t)n));
        OPENSSL_free(der);
}

static void cert_op(struct op *op, X509 *x, EVP_PKEY *issuer, struct sv_buf *tbs)
{
        const ASN1_BIT_STRING *signature;
        unsigned char *der = NULL;
        int n = i2d_re_X509_tbs(x, &der);

        need(n > 0, "a certificate");
        sv_buf_put(tbs, sv_bytes(der, (size_t)n));
        OPENSSL_free(der);
        X509_get0_signature(&signature, NULL, x);
        *op = (struct op){
                issuer, sv_buf_bytes(tbs),
                sv_bytes(ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature)),
                true};
}

static void report_op(struct op *op, struct work *w, struct sv_buf *der)
{
        ECDSA_SIG *sig = ECDSA_SIG_new();
        unsigned char *raw = NULL;
        int n;

        need(sig && ECDSA_SIG_set0(sig, BN_lebin2bn(w->report + 0x2a0, 72, NULL),
                                   BN_lebin2bn(w->report + 0x2e8, 72, NULL)),
             "a signature");
        n = i2d_ECDSA_SIG(sig, &raw);
        sv_buf_put(der, sv_bytes(raw, (size_t)n));
        OPENSSL_free(raw);
        ECDSA_SIG_free(sig);
        *op = (struct op){w->pki.vcek_key, sv_bytes(w->report, 0x2a0), sv_buf_bytes(der), false};
}

static void run_op(const struct op *op)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pctx = NULL;

        need(EVP_DigestVerifyInit(ctx, &pctx, EVP_sha384(), NULL, op->key) == 1 &&
                     (!op->pss || (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                                   EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 48) == 1)) &&
                     EVP_DigestVerify(ctx, op->signature.p, op->signature.n, op->signed_part.p,
                                      op->signed_part.n) == 1,
             "an operation alone");
        EVP_MD_CTX_free(ctx);
}

static void all_ops(void *arg)
{
        struct work *w = arg;

        for (int i = 0; i < 4; i++)
                run_op(&w->op[i]);
}

static void one_op(void *arg)
{
        run_op(&((struct work *)arg)->op[3]);
}

static void verify(struct work *w, const struct sv_cert *vek, const struct sv_certs *ca)
{
        struct sv_snp_in in = {
                .report = sv_bytes(w->report, AMD_REPORT),
                .chain = {.vek = vek, .ca = ca, .test_roots = &w->trusted, .time = TIME}};
        struct sv_report r;
        struct sv_vek v;
        bool test;

        need(sv_snp_verify(&in, &r, &v, &test, NULL) == 0, "the report does not hold");
}

static void whole(void *arg)
{
        struct work *w = arg;

        verify(w, w->vek.list[0], &w->chain);
}

static void from_bytes(void *arg)
{
        struct work *w = arg;
        SV_CERTS vek = {0}, ca = {0};

        need(sv_certs_parse(sv_buf_bytes(&w->vcek), &vek, "bench", NULL) == 0 &&
                     sv_certs_parse(sv_buf_bytes(&w->ca), &ca, "bench", NULL) == 0,
             "certificates");
        verify(w, vek.list[0], &ca);
}

/* The certificates from the same bytes, each signature once; nothing else is looked at. */
static void libcrypto_alone(void *arg)
{
        struct work *w = arg;
        BIO *in = BIO_new_mem_buf(w->ca.p, (int)w->ca.n);
        const uint8_t *der = w->vcek.p;
        X509 *vcek = d2i_X509(NULL, &der, (long)w->vcek.n),
             *ask = PEM_read_bio_X509(in, NULL, NULL, NULL),
             *ark = PEM_read_bio_X509(in, NULL, NULL, NULL);
        struct op report = w->op[3];

        need(vcek && ask && ark && X509_verify(ark, X509_get0_pubkey(ark)) == 1 &&
                     X509_verify(ask, X509_get0_pubkey(ark)) == 1 &&
                     X509_verify(vcek, X509_get0_pubkey(ask)) == 1,
             "libcrypto alone");
        report.key = X509_get0_pubkey(vcek);
        run_op(&report);
        X509_free(ark);
        X509_free(ask);
        X509_free(vcek);
        BIO_free(in);
}

static void warm(void *arg)
{
        struct work *w = arg;
        struct sv_report r;

        struct sv_snp_in in = {.report = sv_bytes(w->report, AMD_REPORT),
                               .chain = {.vek = w->vek.list[0],
                                         .ca = &w->chain,
                                         .test_roots = &w->trusted,
                                         .time = TIME}};

        need(sv_report_parse(in.report, &r, NULL) == 0 &&
                     sv_snp_verify_with(&w->signer, &in, &r, NULL) == 0,
             "the report does not hold");
}

static void prepare(struct work *w)
{
        struct sv_sev_chain chain = {.ca = &w->chain, .test_roots = &w->trusted, .time = TIME};
        uint8_t data[64] = {1};
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *state = NULL;

        amd_pki_make(amd_product("Milan"), &w->pki);
        sv_buf_printf(&text, state_text, 0, 0, 0, 0, 0, 0);
        need(sv_json_parse(sv_buf_bytes(&text), "bench", &state, NULL) == 0, "the state");
        amd_report(&w->pki, state, data, 3, w->report);
        cert_bytes(w->pki.vcek, &w->vcek);
        cert_bytes(w->pki.ark, &w->root);
        for (int i = 0; i < 2; i++) {
                SV_CERTS one = {0};
                SV_BUF der = SV_BUF_NULL;

                cert_bytes(i ? w->pki.ark : w->pki.ask, &der);
                need(sv_certs_parse(sv_buf_bytes(&der), &one, "bench", NULL) == 0 &&
                             sv_cert_pem(one.list[0], &w->ca, NULL) == 0,
                     "the chain");
        }
        need(sv_certs_parse(sv_buf_bytes(&w->root), &w->trusted, "bench", NULL) == 0 &&
                     sv_certs_parse(sv_buf_bytes(&w->vcek), &w->vek, "bench", NULL) == 0 &&
                     sv_certs_parse(sv_buf_bytes(&w->ca), &w->chain, "bench", NULL) == 0,
             "certificates");
        cert_op(&w->op[0], w->pki.ask, w->pki.ark_key, &w->der[0]);
        cert_op(&w->op[1], w->pki.vcek, w->pki.ask_key, &w->der[1]);
        cert_op(&w->op[2], w->pki.ark, w->pki.ark_key, &w->der[2]);
        report_op(&w->op[3], w, &w->der[3]);
        chain.vek = w->vek.list[0];
        need(sv_snp_signer_prove(&w->signer, &chain, NULL) == 0, "the chain does not hold");
}

int main(void)
{
        static struct work w;
        struct bench_row rows[] = {
                {"a report and its chain", whole, &w, 0},
                {"3 RSA-4096 and 1 P-384 verification", all_ops, &w, 0},
                {"a report and its chain, from their bytes", from_bytes, &w, 0},
                {"libcrypto alone, from the same bytes", libcrypto_alone, &w, 0},
                {"one report more of a chip that is known", warm, &w, 0},
                {"1 P-384 verification", one_op, &w, 0},
        };
        bool ok;

        prepare(&w);
        bench_run(rows, 6, ROUNDS, CALLS);
        ok = bench_ratio(&rows[0], &rows[1], 1.2);
        ok &= bench_ratio(&rows[2], &rows[3], 1.2);
        ok &= bench_ratio(&rows[4], &rows[5], 1.1);
        sv_snp_signer_free(&w.signer);
        return ok ? 0 : 1;
}
