/* SPDX-License-Identifier: Apache-2.0 */
/* What verification of a TD quote costs beside its two public-key operations alone, with collateral
 * that was read and verified before; and of another platform than the quote before. A platform's
 * certificates are new bytes each time, and most of what they cost beyond their signatures is
 * libcrypto's taking them in, so there we stand beside libcrypto doing the same from the same
 * bytes. Then many quotes, during which memory must not grow. Takes a real quote and its collateral
 * of tests/vectors; fails when a limit is missed. SV_TDX_PEER names a built peer_tdx.go: then
 * go-tdx-guest verifies the same quote in turn with us, by the clock on the wall. bench-verify-tdx
 * [QUOTES] */
#include <malloc.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/evidence.h"
#include "base/core/file.h"
#include "tee/trust-cache.h"
#include "tdx/verify/bundle.h"
#include "tdx/verify/evidence.h"
#include "tdx/measure/measure.h"
#include "tdx/tee.h"
#include "tdx/verify/tee.h"
#include "tests/bench/timing.h"

#define QUOTE      "quotes/gtg-cos113.bin"
#define COLLATERAL "collateral/00806f-2025-02/"
#define TIME       1740714290 /* of both */
#define ROUNDS     40
#define CALLS      20

struct op {
        EVP_PKEY *key;
        struct sv_bytes signed_part, signature;
        struct sv_buf der;
};

struct work {
        struct sv_buf quote, file[6];
        struct sv_tdx_collateral c;
        struct sv_quote q;
        struct sv_json *evidence; /* and as a broker verifies it */
        struct sv_blob blobs[6];
        struct sv_trust_cache *memory;
        struct op op[2]; /* the enclave's report by the PCK, the quote by the attestation key */
};

static void need(bool ok, const char *what)
{
        if (ok)
                return;
        fprintf(stderr, "bench-verify-tdx: %s\n", what);
        exit(3);
}

static bool load(const char *name, struct sv_buf *out)
{
        const char *source = getenv("SV_SOURCE");
        SV_STR path = sv_asprintf("%s/tests/vectors/tdx/%s", source ? source : ".", name);

        return sv_file_read(path, 1u << 20, out, "bench.file", NULL) == 0;
}

static void run_op(const struct op *op)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();

        need(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, op->key) == 1 &&
                     EVP_DigestVerify(ctx, op->signature.p, op->signature.n, op->signed_part.p,
                                      op->signed_part.n) == 1,
             "an operation alone");
        EVP_MD_CTX_free(ctx);
}

static void both_ops(void *arg)
{
        run_op(&((struct work *)arg)->op[0]);
        run_op(&((struct work *)arg)->op[1]);
}

static void known(void *arg)
{
        struct work *w = arg;
        struct sv_quote quote;
        struct sv_tdx_out out;

        need(sv_quote_parse(sv_buf_bytes(&w->quote), &quote, NULL) == 0 &&
                     sv_tdx_verify_with(&w->c, &quote, sv_bytes(NULL, 0), TIME, &out, NULL) == 0,
             "the quote does not hold");
        sv_tdx_out_free(&out);
}

static void other_platform(void *arg)
{
        struct work *w = arg;

        /* As after a quote of another one under the same issuers: its own certificate is not this
         * quote's, and neither is its enclave. */
        w->c.pck_pem.p[100] ^= 1;
        known(w);
}

/* The chain from the quote's bytes, its lists and its signatures; the attestation key; the quote's
 * two signatures. */
static void libcrypto_alone(void *arg)
{
        struct work *w = arg;
        BIO *in = BIO_new_mem_buf(w->q.pck_chain.p, (int)w->q.pck_chain.n);
        X509 *x[3];
        X509_CRL *crl[2];
        struct op op = w->op[0];

        for (int i = 0; i < 3; i++)
                need((x[i] = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL, "the PCK chain");
        for (int i = 0; i < 2; i++) {
                const uint8_t *der = w->file[4 + i].p;

                need((crl[i] = d2i_X509_CRL(NULL, &der, (long)w->file[4 + i].n)) != NULL &&
                             X509_CRL_verify(crl[i], X509_get0_pubkey(x[1 + i])) == 1,
                     "a revocation list");
        }
        need(X509_verify(x[0], X509_get0_pubkey(x[1])) == 1 &&
                     X509_verify(x[1], X509_get0_pubkey(x[2])) == 1,
             "the PCK chain");
        op.key = X509_get0_pubkey(x[0]);
        run_op(&op);
        run_op(&w->op[1]);
        for (int i = 0; i < 3; i++)
                X509_free(x[i]);
        for (int i = 0; i < 2; i++)
                X509_CRL_free(crl[i]);
        BIO_free(in);
}

static void set_op(struct op *op, struct sv_bytes signed_part, struct sv_bytes raw)
{
        ECDSA_SIG *sig = ECDSA_SIG_new();
        unsigned char *der = NULL;
        int n;

        need(sig && ECDSA_SIG_set0(sig, BN_bin2bn(raw.p, 32, NULL),
                                   BN_bin2bn(raw.p + 32, 32, NULL)),
             "a signature");
        n = i2d_ECDSA_SIG(sig, &der);
        sv_buf_put(&op->der, sv_bytes(der, (size_t)n));
        OPENSSL_free(der);
        ECDSA_SIG_free(sig);
        op->signed_part = signed_part;
        op->signature = sv_buf_bytes(&op->der);
}

static void prepare(struct work *w)
{
        uint8_t spki[91] = {0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48,
                            0xce, 0x3d, 2,    1,    6, 8, 0x2a, 0x86, 0x48,
                            0xce, 0x3d, 3,    1,    7, 3, 0x42, 0,    4};
        const uint8_t *p = spki;
        BIO *in;

        need(sv_quote_parse(sv_buf_bytes(&w->quote), &w->q, NULL) == 0, "the quote");
        w->c = (struct sv_tdx_collateral){.tcb_info = sv_buf_bytes(&w->file[0]),
                                          .tcb_info_chain = sv_buf_bytes(&w->file[1]),
                                          .qe_identity = sv_buf_bytes(&w->file[2]),
                                          .qe_identity_chain = sv_buf_bytes(&w->file[3]),
                                          .pck_crl = sv_buf_bytes(&w->file[4]),
                                          .root_ca_crl = sv_buf_bytes(&w->file[5])};
        in = BIO_new_mem_buf(w->q.pck_chain.p, (int)w->q.pck_chain.n);
        w->op[0].key = X509_get_pubkey(PEM_read_bio_X509(in, NULL, NULL, NULL));
        BIO_free(in);
        memcpy(spki + 27, w->q.att_key.p, 64);
        w->op[1].key = d2i_PUBKEY(NULL, &p, sizeof(spki));
        need(w->op[0].key && w->op[1].key, "the keys");
        set_op(&w->op[0], w->q.qe_report, w->q.qe_signature);
        set_op(&w->op[1], w->q.signed_part, w->q.signature);
}

static void everything(void *arg)
{
        struct work *w = arg;
        struct sv_tdx_in in = {.quote = sv_buf_bytes(&w->quote), .time = TIME};
        struct sv_tdx_out out;

        in.tcb_info = sv_buf_bytes(&w->file[0]);
        in.tcb_info_chain = sv_buf_bytes(&w->file[1]);
        in.qe_identity = sv_buf_bytes(&w->file[2]);
        in.qe_identity_chain = sv_buf_bytes(&w->file[3]);
        in.pck_crl = sv_buf_bytes(&w->file[4]);
        in.root_ca_crl = sv_buf_bytes(&w->file[5]);
        need(sv_tdx_verify(&in, &out, NULL) == 0, "the quote does not hold");
        sv_tdx_out_free(&out);
}

/* --- as a broker does it: evidence to claims --- */

static void appraised(struct work *w, struct sv_trust_cache *m)
{
        struct sv_verify_in in = {.collateral = {w->blobs, 6}, .time = TIME, .cache = m};
        SV_JSON *claims = NULL;

        need(verify_json(&sv_tee_verify_tdx, w->evidence, &in, &claims, NULL) == 0,
             "the evidence does not hold");
}

static void evidence_anew(void *arg)
{
        appraised(arg, NULL);
}

static void evidence_known(void *arg)
{
        struct work *w = arg;

        appraised(w, w->memory);
}

static void as_evidence(struct work *w)
{
        w->memory = sv_trust_cache_new();
        need(sv_tdx_evidence_wrap(sv_buf_bytes(&w->quote), &w->evidence, NULL) == 0,
             "the evidence");
        for (int i = 0; i < 6; i++) {
                snprintf(w->blobs[i].kind, sizeof(w->blobs[i].kind), "%s",
                         sv_tdx_part_kind((enum sv_tdx_part)i));
                w->blobs[i].data = sv_buf_bytes(&w->file[i]);
        }
}

/* --- the peer: one verification for each byte it gets --- */

static int peer_fd[2]; /* from it, to it */

static void peer_once(void *arg)
{
        char order = 'v';

        need(write(peer_fd[1], &order, 1) == 1 && read(peer_fd[0], &order, 1) == 1,
             "the peer does not verify the quote");
}

static void peer_start(const char *program)
{
        const char *source = getenv("SV_SOURCE");
        SV_STR dir = sv_asprintf("%s/tests/vectors/tdx", source ? source : ".");
        SV_STR quote = sv_asprintf("%s/" QUOTE, dir);
        SV_STR collateral = sv_asprintf("%s/" COLLATERAL, dir);
        SV_STR time = sv_asprintf("%d", TIME);
        int to[2], from[2];

        need(pipe(to) == 0 && pipe(from) == 0, "a pipe");
        if (fork() == 0) {
                dup2(to[0], 0);
                dup2(from[1], 1);
                close(to[1]);
                execl(program, program, quote, collateral, time, NULL);
                _exit(127);
        }
        close(to[0]);
        close(from[1]);
        peer_fd[0] = from[0];
        peer_fd[1] = to[1];
}

static double wall(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static bool beside_peer(struct work *w, const char *program)
{
        struct bench_row rows[] = {
                {"a quote of a platform that is known", known, w, 0},
                {"a quote of another platform", other_platform, w, 0},
                {"a quote, and all collateral from its bytes", everything, w, 0},
                {"go-tdx-guest", peer_once, w, 0},
        };
        bool ok = true;

        peer_start(program);
        for (int i = 0; i < ROUNDS * 4; i++) {
                double began = wall(), took;

                rows[i % 4].once(w); /* as much warmth for each */
                for (int k = 0; k < CALLS; k++)
                        rows[i % 4].once(w);
                took = (wall() - began) / (CALLS + 1);
                if (i < 4 || took < rows[i % 4].best)
                        rows[i % 4].best = took;
        }
        for (int i = 0; i < 2; i++)
                ok &= bench_ratio(&rows[i], &rows[3], 1);
        printf("%-52s %8.1f us  %5.2f x %s, for the record: nobody does it for each quote\n",
               rows[2].name, rows[2].best, rows[2].best / rows[3].best, rows[3].name);
        return ok;
}

/* Bytes that the program has from malloc and not given back. What the allocator keeps at hand
 * counts as well, so it varies by some. */
static size_t in_use(void)
{
        struct mallinfo2 m = mallinfo2();

        return m.uordblks + m.hblkhd;
}

static bool grows(struct work *w, unsigned quotes)
{
        size_t before, after;

        for (int i = 0; i < 20; i++)
                other_platform(w);
        before = in_use();
        for (unsigned i = 0; i < quotes; i++)
                if (i % 10)
                        known(w);
                else
                        other_platform(w);
        after = in_use();
        printf("%u quotes, every tenth of another platform: %zu bytes in use before, %zu after%s\n",
               quotes, before, after, after > before + quotes ? "  GROWN" : "");
        return after > before + quotes; /* one byte each: less than malloc gives */
}

int main(int argc, char **argv)
{
        static const char *const names[] = {"tcb_info.json",    "tcb_info_chain.pem",
                                            "qe_identity.json", "qe_identity_chain.pem",
                                            "pck_crl.der",      "root_ca_crl.der"};
        static struct work w;
        struct bench_row rows[] = {
                {"a quote of a platform that is known", known, &w, 0},
                {"2 P-256 verifications", both_ops, &w, 0},
                {"a quote of another platform, from its bytes", other_platform, &w, 0},
                {"libcrypto alone, from the same bytes", libcrypto_alone, &w, 0},
                {"evidence to claims, of a platform that is known", evidence_known, &w, 0},
                {"the same anew", evidence_anew, &w, 0},
        };
        bool have = load(QUOTE, &w.quote), ok;

        for (int i = 0; i < 6 && have; i++) {
                SV_STR name = sv_asprintf("%s%s", COLLATERAL, names[i]);

                have = load(name, &w.file[i]);
        }
        need(have, "a quote or its collateral is missing in tests/vectors/tdx");
        prepare(&w);
        as_evidence(&w);
        bench_run(rows, 6, ROUNDS, CALLS);
        ok = bench_ratio(&rows[0], &rows[1], 1.2);
        ok &= bench_ratio(&rows[2], &rows[3], 1.2);
        ok &= bench_ratio(&rows[4], &rows[5], 0.25);
        ok &= !grows(&w, argc > 1 ? (unsigned)atoi(argv[1]) : 10000);
        if (getenv("SV_TDX_PEER"))
                ok &= beside_peer(&w, getenv("SV_TDX_PEER"));
        else
                puts("go-tdx-guest is not compared with: SV_TDX_PEER does not name it "
                     "(peer_tdx.go)");
        sv_tdx_collateral_free(&w.c);
        sv_trust_cache_free(w.memory);
        sv_json_free(w.evidence);
        return ok ? 0 : 1;
}
