/* SPDX-License-Identifier: Apache-2.0 */
/* A report's claims again, from its bytes and those of its three certificates: each certificate is
 * read only after the signature above it has held. What is left to who gave the claims: dates and
 * revocation lists. */
#include "base/core/rd.h"
#include "sev/verify/tee.h"
#include "sev/verify/verify.h"
#include "tee/confirm.h"

struct proof {
        struct sv_bytes report;
        struct sv_bytes certs[3]; /* the VEK, its issuer, the root */
};

static int read_report_proof(struct sv_bytes raw, struct proof *p, struct sv_err *err)
{
        struct sv_rd r = sv_rd(raw);

        p->report = sv_rd_bytes(&r, SV_REPORT_SIZE);
        for (int i = 0; i < 3; i++)
                p->certs[i] = sv_rd_part(&r);
        return sv_rd_done(&r, "tee.proof", "the proof", err);
}

static int check_chain(const struct proof *p, const struct sv_report *report, struct sv_vek *vek,
                       struct sv_sev_root *root, struct sv_key **key, struct sv_err *err)
{
        struct sv_signed_cert leaf;

        if (sv_signed_chain_check(p->certs, 3, SV_RSAPSS_SHA384, &leaf, "snp.chain.chain", err) <
                    0 ||
            sv_vek_read(&leaf, sv_report_signing_key(report), vek, err) < 0 ||
            sv_digest(SV_SHA256, p->certs[2], root->sha256, err) < 0)
                return -1;
        root->amd = sv_sev_root_is_amd(root->sha256, vek->product);
        *key = sv_signed_cert_key(&leaf, "snp.signature", err);
        return *key ? 0 : -1;
}

int sv_snp_confirm(struct sv_bytes proof, const struct sv_verify_in *in,
                   const struct sv_json *claims, struct sv_err *err)
{
        static const char *const unproven[] = {"crl_checked", NULL};
        struct sv_report report;
        struct sv_vek vek;
        struct sv_sev_root root = {.amd = false};
        struct sv_snp_shown shown = {&report, &vek, &root, {0}, in->report_data.n > 0};
        SV_KEY *key = NULL;
        SV_JSON *own = NULL;
        struct proof p;

        if (read_report_proof(proof, &p, err) < 0 || sv_report_parse(p.report, &report, err) < 0 ||
            check_chain(&p, &report, &vek, &root, &key, err) < 0 ||
            sv_snp_check_report(&shown, key, p.report, in->report_data, err) < 0 ||
            sv_digest(SV_SHA256, p.certs[0], shown.vek_sha256, err) < 0)
                return -1;
        own = sv_snp_claims(&shown);
        return sv_claims_confirm(own, unproven, claims, err);
}
