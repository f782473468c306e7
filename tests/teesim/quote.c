/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes and TDREPORTs of the TD in a state file. Offsets: Intel TDX DCAP Quoting Library API,
 * appendix A; Intel TDX Module ABI specification, TDREPORT_STRUCT. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/json/json.h"
#include "tests/teesim/intelpki.h"

#define MAC 0xac /* every byte of it */

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        fprintf(stderr, "quote: %s\n", what);
        exit(1);
}

static void member(const struct sv_json *state, const char *name, uint8_t *out, size_t n)
{
        SV_BUF raw = SV_BUF_NULL;

        must(sv_json_need_hex(state, name, &raw, "state", NULL) == 0 && raw.n == n, name);
        memcpy(out, raw.p, n);
}

/* A word that the state file writes as people do, most significant digit first. */
static void word(const struct sv_json *state, const char *name, uint8_t *out)
{
        uint8_t big[8];

        member(state, name, big, 8);
        for (unsigned i = 0; i < 8; i++)
                out[i] = big[7 - i];
}

/* TD report body: TD 1.0, 1.5 and 1.5 with what a service TD adds. */
static uint32_t body_size(unsigned type)
{
        return type == 4 ? 885 : type == 3 ? 648 : 584;
}

static void put_body(const struct intel_quote *q, struct sv_buf *out)
{
        const char *outcome = sv_json_str(sv_json_get(q->state, "outcome"));
        uint8_t b[885] = {0};

        must(outcome && !strcmp(outcome, "launched"), "nothing was launched");
        memcpy(b, q->svn ? q->svn : intel_module_svn, 16);
        memset(b + 16, 0x5e, INTEL_MR); /* MRSEAM: the module's own measurement */
        word(q->state, "attributes", b + 120);
        word(q->state, "xfam", b + 128);
        member(q->state, "mrtd", b + 136, INTEL_MR);
        member(q->state, "mrconfigid", b + 184, INTEL_MR);
        member(q->state, "mrowner", b + 232, INTEL_MR);
        member(q->state, "mrownerconfig", b + 280, INTEL_MR);
        memcpy(b + 328, q->rtmr, 4 * INTEL_MR);
        memcpy(b + 520, q->report_data, 64);
        memcpy(b + 584, q->svn2 ? q->svn2 : intel_module_svn, 16); /* the module that runs now */
        sv_buf_put(out, sv_bytes(b, body_size(q->type)));
}

static void sha(const EVP_MD *md, const void *data, size_t n, uint8_t *out)
{
        must(EVP_Digest(data, n, out, NULL, md, NULL) == 1, "digest");
}

static void public_key(EVP_PKEY *key, uint8_t out[64])
{
        uint8_t point[65];
        size_t n;

        must(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
                                             sizeof(point), &n) == 1 &&
                     n == 65 && point[0] == 4,
             "public key");
        memcpy(out, point + 1, 64);
}

/* The quoting enclave's report over its attestation key, 384 bytes. */
static void qe_report(const uint8_t key[64], const uint8_t auth[32], uint8_t tail, uint8_t out[384])
{
        uint8_t both[96];

        memset(out, 0, 384);
        memcpy(out, intel_components, 16);
        out[48] = 0x15;             /* INIT, MODE64BIT, PROVISIONKEY */
        out[56] = 0xe7;             /* XFRM */
        memset(out + 64, 0xe5, 32); /* MRENCLAVE */
        memcpy(out + 128, intel_qe_signer, 32);
        out[256] = 2; /* ISVPRODID */
        out[258] = INTEL_QE_SVN;
        memcpy(both, key, 64);
        memcpy(both + 64, auth, 32);
        sha(EVP_sha256(), both, sizeof(both), out + 320);
        out[383] = tail;
}

static void put_signature_data(const struct intel_signer *s, const struct sv_buf *quoted,
                               uint8_t qe_tail, struct sv_buf *out)
{
        static const uint8_t auth[32] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        uint8_t signature[64], key[64], report[384], qe_signature[64];
        size_t chain = strlen(s->chain);

        intel_sign(s->att_key, quoted->p, quoted->n, signature);
        public_key(s->att_key, key);
        qe_report(key, auth, qe_tail, report);
        intel_sign(s->pck_key, report, sizeof(report), qe_signature);
        sv_buf_put(out, sv_bytes(signature, 64));
        sv_buf_put(out, sv_bytes(key, 64));
        sv_buf_u16le(out, 6); /* the enclave's report and what it takes to believe it */
        sv_buf_u32le(out, (uint32_t)(384 + 64 + 2 + sizeof(auth) + 2 + 4 + chain));
        sv_buf_put(out, sv_bytes(report, sizeof(report)));
        sv_buf_put(out, sv_bytes(qe_signature, 64));
        sv_buf_u16le(out, sizeof(auth));
        sv_buf_put(out, sv_bytes(auth, sizeof(auth)));
        sv_buf_u16le(out, 5); /* the PCK certificate's chain */
        sv_buf_u32le(out, (uint32_t)chain);
        sv_buf_puts(out, s->chain);
}

static void put_quote(const struct intel_signer *s, unsigned version, unsigned type,
                      struct sv_bytes body, uint8_t qe_tail, struct sv_buf *out)
{
        static const uint8_t vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                           0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
        uint8_t user_data[20] = {0};
        SV_BUF quoted = SV_BUF_NULL, signature = SV_BUF_NULL;

        sv_buf_u16le(&quoted, (uint16_t)version);
        sv_buf_u16le(&quoted, 2); /* ECDSA P-256 */
        sv_buf_u32le(&quoted, 0x81);
        sv_buf_u32le(&quoted, 0);
        sv_buf_put(&quoted, sv_bytes(vendor, sizeof(vendor)));
        sv_buf_put(&quoted, sv_bytes(user_data, sizeof(user_data)));
        if (version == 5) {
                sv_buf_u16le(&quoted, (uint16_t)type);
                sv_buf_u32le(&quoted, (uint32_t)body.n);
        }
        sv_buf_put(&quoted, body);
        put_signature_data(s, &quoted, qe_tail, &signature);
        sv_buf_put(out, sv_buf_bytes(&quoted));
        sv_buf_u32le(out, (uint32_t)signature.n);
        sv_buf_put(out, sv_buf_bytes(&signature));
}

void intel_quote(const struct intel_signer *s, const struct intel_quote *q, struct sv_buf *out)
{
        SV_BUF body = SV_BUF_NULL;

        put_body(q, &body);
        put_quote(s, q->version, q->type, sv_buf_bytes(&body), q->qe_tail, out);
}

bool intel_quote_report(const struct intel_signer *s, const uint8_t report[INTEL_TD_REPORT],
                        struct sv_buf *out)
{
        uint8_t b[584] = {0}, mac[32], tcb[48], td[48];

        memset(mac, MAC, sizeof(mac));
        sha(EVP_sha384(), report + 256, 239, tcb);
        sha(EVP_sha384(), report + 512, 512, td);
        if (report[0] != 0x81 || memcmp(report + 224, mac, 32) || memcmp(report + 32, tcb, 48) ||
            memcmp(report + 80, td, 48))
                return false;
        memcpy(b, report + 264, 16);
        memcpy(b + 16, report + 280, 104);
        memcpy(b + 120, report + 512, 16);
        memcpy(b + 136, report + 528, 8 * INTEL_MR);
        memcpy(b + 520, report + 128, 64);
        put_quote(s, 4, 2, sv_bytes(b, sizeof(b)), 0, out);
        return true;
}

void intel_td_report(const struct intel_quote *q, uint8_t out[INTEL_TD_REPORT])
{
        SV_BUF body = SV_BUF_NULL;
        const uint8_t *b;

        put_body(q, &body);
        b = body.p;
        memset(out, 0, INTEL_TD_REPORT);
        out[0] = 0x81; /* TDX */
        memcpy(out + 16, intel_components, 16);
        memcpy(out + 128, q->report_data, 64);
        memset(out + 224, MAC, 32);
        out[256] = 0xff; /* TEE_TCB_INFO: which of its fields hold */
        out[257] = 0x01;
        memcpy(out + 264, b, 16);
        memcpy(out + 280, b + 16, 104);           /* MRSEAM, MRSIGNERSEAM, attributes */
        memcpy(out + 512, b + 120, 16);           /* TDINFO: attributes, XFAM */
        memcpy(out + 528, b + 136, 8 * INTEL_MR); /* MRTD, the three identities, RTMRs */
        sha(EVP_sha384(), out + 256, 239, out + 32);
        sha(EVP_sha384(), out + 512, 512, out + 80);
}
