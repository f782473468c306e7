/* SPDX-License-Identifier: Apache-2.0 */
/* A quote's claims again, from its bytes and those of its three certificates: each certificate is
 * read only after the signature above it has held. What is left to who gave the claims: Intel's
 * documents and lists (how current the platform is, what is revoked), dates, and what the event log
 * says of the registers. */
#include "base/core/rd.h"
#include "base/crypto/signed-cert.h"
#include "tdx/verify/tee.h"
#include "tee/confirm.h"
#include "tee/report-data.h"

struct proof {
        struct sv_bytes quote;
        struct sv_bytes certs[3]; /* the PCK's, its issuer's, the root */
};

static int read_quote_proof(struct sv_bytes raw, struct proof *p, struct sv_err *err)
{
        struct sv_rd r = sv_rd(raw);

        p->quote = sv_rd_part(&r);
        for (int i = 0; i < 3; i++)
                p->certs[i] = sv_rd_part(&r);
        return sv_rd_done(&r, "tee.proof", "the proof", err);
}

static int read_platform(const struct proof *p, struct sv_pck *pck, struct sv_key **key,
                         struct sv_err *err)
{
        /* 1.2.840.113741.1.13.1 */
        static const uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};
        struct sv_signed_cert leaf;
        struct sv_bytes ext;

        if (sv_signed_chain_check(p->certs, 3, SV_ECDSA_SHA256, &leaf, "tdx.pck.chain", err) < 0)
                return -1;
        *pck = (struct sv_pck){.pcesvn = 0};
        if (!sv_signed_cert_ext(&leaf, sv_bytes(oid, sizeof(oid)), &ext) ||
            !sv_pck_extension(ext, pck))
                return sv_fail(err, SV_FORMAT, "tdx.pck.extension",
                               "the PCK certificate has no SGX extension of the expected form");
        *key = sv_signed_cert_key(&leaf, "tdx.pck.chain", err);
        return *key ? 0 : -1;
}

/* A platform's key signs for any enclave that its owner may run, and an enclave of their own would
 * name any attestation key. Which one Intel's is does not change; its document, which says so too,
 * is not read here. A root of another's is for whoever trusts it to judge. */
static int check_enclave(const struct sv_sgx_report *qe, struct sv_err *err)
{
        static const uint8_t signer[32] = {0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17,
                                           0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03,
                                           0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba, 0xbd, 0xdf,
                                           0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5};
        /* INIT and PROVISION_KEY; MODE64BIT may be set, DEBUG may not */
        static const uint8_t attributes[8] = {0x11};
        uint8_t found[8];

        memcpy(found, qe->attributes, sizeof(found));
        found[0] &= 0xfb;
        if (sv_bytes_eq(sv_bytes(qe->mrsigner, 32), sv_bytes(signer, 32)) && qe->isvprodid == 2 &&
            !qe->miscselect && !memcmp(found, attributes, sizeof(found)))
                return 0;
        return sv_fail(err, SV_PROOF, "tdx.qe.mismatch",
                       "the quote is not of Intel's TD quoting enclave: expected its MRSIGNER, "
                       "ISVPRODID 2 and no debugging");
}

static int check_td_quote(const struct sv_quote *q, const struct sv_key *pck, bool intel,
                          struct sv_bytes report_data, struct sv_err *err)
{
        SV_KEY *att_key = NULL;

        if (sv_tdx_check_qe(pck, q, err) < 0 || (intel && check_enclave(&q->qe, err) < 0))
                return -1;
        att_key = sv_tdx_attestation_key(q, err);
        if (!att_key || sv_tdx_check_quote(att_key, q, err) < 0)
                return -1;
        return sv_report_data_check(q->td.reportdata, report_data, "tdx.report_data", "REPORTDATA",
                                    "quote", err);
}

int sv_tdx_confirm(struct sv_bytes proof, const struct sv_verify_in *in,
                   const struct sv_json *claims, struct sv_err *err)
{
        static const char *const unproven[] = {"tcb", "event_log", NULL};
        uint8_t root[32];
        struct sv_quote quote;
        struct sv_pck pck;
        SV_KEY *key = NULL;
        SV_JSON *own = NULL;
        struct proof p;
        bool intel;

        if (read_quote_proof(proof, &p, err) < 0 || sv_quote_parse(p.quote, &quote, err) < 0 ||
            read_platform(&p, &pck, &key, err) < 0 ||
            sv_digest(SV_SHA256, p.certs[2], root, err) < 0)
                return -1;
        intel = sv_tdx_root_is_intel(root);
        if (check_td_quote(&quote, key, intel, in->report_data, err) < 0)
                return -1;
        own = sv_tdx_quote_claims(&quote, &pck, root, intel);
        sv_json_set_bool(own, "report_data_checked", in->report_data.n > 0);
        return sv_claims_confirm(own, unproven, claims, err);
}
