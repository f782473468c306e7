/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/quote.h"

#include "base/core/rd.h"

#define TEE_TDX        0x81
#define ECDSA_P256     2
#define CERT_QE_REPORT 6
#define CERT_PCK_CHAIN 5

static const struct {
        enum sv_td_body type;
        uint32_t size;
} bodies[] = {{SV_TD_10, 584}, {SV_TD_15, 648}, {SV_TD_15EX, 885}};

/* Table A.3.2 and its successors, in order. */
static void read_td_report(struct sv_rd *r, enum sv_td_body type, struct sv_td_report *td)
{
        td->type = type;
        sv_rd_copy(r, td->tee_tcb_svn, 16);
        sv_rd_copy(r, td->mrseam, 48);
        sv_rd_copy(r, td->mrsignerseam, 48);
        td->seamattributes = sv_rd_u64le(r);
        td->tdattributes = sv_rd_u64le(r);
        td->xfam = sv_rd_u64le(r);
        sv_rd_copy(r, td->mrtd, 48);
        sv_rd_copy(r, td->mrconfigid, 48);
        sv_rd_copy(r, td->mrowner, 48);
        sv_rd_copy(r, td->mrownerconfig, 48);
        for (int i = 0; i < 4; i++)
                sv_rd_copy(r, td->rtmr[i], 48);
        sv_rd_copy(r, td->reportdata, 64);
        if (type == SV_TD_10)
                return;
        sv_rd_copy(r, td->tee_tcb_svn2, 16);
        sv_rd_copy(r, td->mrservicetd, 48);
        if (type == SV_TD_15EX)
                td->ex = sv_rd_bytes(r, 237);
}

/* SGX REPORTBODY, Intel SDM volume 3D, table 38-21. */
static void read_sgx_report(struct sv_bytes raw, struct sv_sgx_report *q)
{
        struct sv_rd r = sv_rd(raw);

        sv_rd_copy(&r, q->cpusvn, 16);
        q->miscselect = sv_rd_u32le(&r);
        sv_rd_skip(&r, 28);
        sv_rd_copy(&r, q->attributes, 16);
        sv_rd_copy(&r, q->mrenclave, 32);
        sv_rd_skip(&r, 32);
        sv_rd_copy(&r, q->mrsigner, 32);
        sv_rd_skip(&r, 96);
        q->isvprodid = sv_rd_u16le(&r);
        q->isvsvn = sv_rd_u16le(&r);
        sv_rd_skip(&r, 60);
        sv_rd_copy(&r, q->reportdata, 64);
}

static int read_quote_header(struct sv_rd *r, struct sv_quote *q, struct sv_err *err)
{
        static const uint8_t intel[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                          0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
        uint16_t key_type;
        uint32_t tee;
        struct sv_bytes vendor;

        q->version = sv_rd_u16le(r);
        key_type = sv_rd_u16le(r);
        tee = sv_rd_u32le(r);
        sv_rd_skip(r, 4);
        vendor = sv_rd_bytes(r, 16);
        sv_rd_copy(r, q->user_data, 20);
        if (sv_rd_ok(r, "tdx.quote.size", "the quote's header", err) < 0)
                return -1;
        if (q->version != 4 && q->version != 5)
                return sv_fail(err, SV_FORMAT, "tdx.quote.version",
                               "quote versions 4 and 5 are known, this one is %u", q->version);
        if (key_type != ECDSA_P256 || tee != TEE_TDX || !sv_bytes_eq(vendor, sv_bytes(intel, 16)))
                return sv_fail(err, SV_FORMAT, "tdx.quote.type",
                               "attestation key type 2, TEE type 0x81 and Intel's quoting enclave "
                               "were expected, found type %u, TEE 0x%x%s",
                               key_type, tee,
                               sv_bytes_eq(vendor, sv_bytes(intel, 16)) ? ""
                                                                        : " and another vendor");
        return 0;
}

static int read_quote_body(struct sv_rd *r, struct sv_quote *q, struct sv_err *err)
{
        uint16_t type = SV_TD_10;
        uint32_t size = 584;
        bool known = false;
        struct sv_rd part;

        if (q->version == 5) {
                type = sv_rd_u16le(r);
                size = sv_rd_u32le(r);
        }
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
                known |= bodies[i].type == type && bodies[i].size == size;
        if (!r->bad && !known)
                return sv_fail(err, SV_FORMAT, "tdx.quote.body",
                               "body type %u with %u bytes: TD bodies are type 2 (584), 3 (648) "
                               "and 4 (885)",
                               type, size);
        part = sv_rd_sub(r, size);
        read_td_report(&part, type, &q->td);
        return sv_rd_ok(r, "tdx.quote.size", "the quote's body", err) < 0
                       ? -1
                       : sv_rd_done(&part, "tdx.quote.body", "the TD report", err);
}

/* Certification data of type 6: QE report, its signature, authentication data, and certification
 * data of type 5: the PCK chain. */
static int read_certification(struct sv_rd *r, struct sv_quote *q, struct sv_err *err)
{
        uint16_t type = sv_rd_u16le(r);
        uint32_t size = sv_rd_u32le(r);
        struct sv_rd outer = sv_rd_sub(r, size), inner;

        if (!r->bad && type != CERT_QE_REPORT)
                return sv_fail(err, SV_FORMAT, "tdx.quote.signature",
                               "certification data of type 6 were expected, found type %u", type);
        q->qe_report = sv_rd_bytes(&outer, 384);
        q->qe_signature = sv_rd_bytes(&outer, 64);
        q->qe_auth = sv_rd_bytes(&outer, sv_rd_u16le(&outer));
        type = sv_rd_u16le(&outer);
        size = sv_rd_u32le(&outer);
        inner = sv_rd_sub(&outer, size);
        q->pck_chain = sv_rd_rest(&inner);
        if (sv_rd_done(&outer, "tdx.quote.signature", "the QE's certification data", err) < 0)
                return -1;
        if (type != CERT_PCK_CHAIN)
                return sv_fail(err, SV_FORMAT, "tdx.quote.certification",
                               "the quote carries certification data of type %u, not the PCK chain "
                               "(type 5); its platform is not registered with a "
                               "PCCS that delivers it",
                               type);
        while (q->pck_chain.n && !q->pck_chain.p[q->pck_chain.n - 1])
                q->pck_chain.n--;
        read_sgx_report(q->qe_report, &q->qe);
        return 0;
}

int sv_quote_parse(struct sv_bytes raw, struct sv_quote *out, struct sv_err *err)
{
        struct sv_quote q = {0};
        struct sv_rd r = sv_rd(raw), sig;

        if (raw.n > SV_QUOTE_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "tdx.quote.size",
                               "a quote has at most %u bytes, this has %zu", SV_QUOTE_SIZE_MAX,
                               raw.n);
        if (read_quote_header(&r, &q, err) < 0 || read_quote_body(&r, &q, err) < 0)
                return -1;
        q.signed_part = sv_bytes(raw.p, r.pos);
        sig = sv_rd_sub(&r, sv_rd_u32le(&r));
        if (sv_rd_ok(&r, "tdx.quote.signature", "the quote's signature data", err) < 0)
                return -1;
        q.signature = sv_rd_bytes(&sig, 64);
        q.att_key = sv_rd_bytes(&sig, 64);
        if (read_certification(&sig, &q, err) < 0 ||
            sv_rd_done(&sig, "tdx.quote.signature", "the quote's signature data", err) < 0)
                return -1;
        q.trailing = sv_rd_left(&r);
        *out = q;
        return 0;
}
