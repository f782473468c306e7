/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/verify/verify.h"

#include "base/core/rd.h"
#include "tee/report-data.h"

/* Over the raw bytes; the report has been read by now, but nothing of it is believed before this.
 */
static int check_report_signature(const struct sv_key *key, struct sv_bytes report,
                                  const struct sv_report *r, struct sv_err *err)
{
        uint8_t sig[96];

        if (sv_key_type(key) != SV_KEY_P384)
                return sv_fail(err, SV_PROOF, "snp.signature", "the VEK's key is not on P-384");
        memcpy(sig, r->r, 48);
        memcpy(sig + 48, r->s, 48);
        return sv_verify_sig(key, SV_ECDSA_SHA384, sv_bytes(report.p, SV_REPORT_SIGNED),
                             sv_bytes(sig, sizeof(sig)), "snp.signature", err);
}

static int check_key_info(const struct sv_report *r, const struct sv_vek *vek, struct sv_err *err)
{
        enum sv_sev_key key = sv_report_signing_key(r);

        if (r->key_info & SV_SNP_MASK_CHIP_KEY)
                return sv_fail(err, SV_PROOF, "snp.key.masked",
                               "MASK_CHIP_KEY is set: the platform signs no reports; ask its "
                               "operator to reset it (snp config)");
        if (key == SV_SEV_NO_KEY)
                return sv_fail(err, SV_PROOF, "snp.key.none",
                               "the report says that no key signed it (SIGNING_KEY is 7)");
        if (key != vek->key)
                return sv_fail(err, SV_PROOF, "snp.key.type",
                               "the report was signed by a %s, the certificate is of a %s",
                               key == SV_SEV_VLEK ? "VLEK" : "VCEK",
                               vek->key == SV_SEV_VLEK ? "VLEK" : "VCEK");
        return 0;
}

/* The VEK stands for one chip at one TCB: the report must be of both. */
static int check_report_platform(const struct sv_report *r, const struct sv_vek *vek,
                                 struct sv_err *err)
{
        const struct sv_tcb *a = &r->reported_tcb, *b = &vek->tcb;

        if (r->has_cpuid ? r->product != vek->product
                         : (r->product == SV_SEV_TURIN) != (vek->product == SV_SEV_TURIN))
                return sv_fail(err, SV_PROOF, "snp.product",
                               "the report is of a %s, the certificate of a %s",
                               sv_sev_product_name(r->product), sv_sev_product_name(vek->product));
        if (!sv_tcb_equal(a, b))
                return sv_fail(err, SV_PROOF, "snp.tcb",
                               "REPORTED_TCB is fmc %u bl %u tee %u snp %u ucode %u, the "
                               "certificate is for fmc %u bl %u tee %u snp %u ucode %u",
                               a->fmc, a->bootloader, a->tee, a->snp, a->microcode, b->fmc,
                               b->bootloader, b->tee, b->snp, b->microcode);
        if (vek->key == SV_SEV_VCEK && sv_bytes_are_zero(sv_bytes(r->chip_id, sizeof(r->chip_id))))
                return sv_fail(err, SV_PROOF, "snp.chip_id.masked",
                               "CHIP_ID is zero: the platform hides it (MASK_CHIP_ID), so that "
                               "nothing says of which chip the report is; its owner can show it: "
                               "secure-vm host config --mask-chip-id no");
        /* A shorter hwID (Turin) is followed by zeros in both. */
        if (vek->key == SV_SEV_VCEK && !sv_bytes_eq(sv_bytes(r->chip_id, sizeof(r->chip_id)),
                                                    sv_bytes(vek->hwid, sizeof(vek->hwid))))
                return sv_fail(
                        err, SV_PROOF, "snp.chip_id",
                        "CHIP_ID is not the hwID of the VCEK: the report is of another chip");
        return 0;
}

int sv_snp_check_report(const struct sv_snp_shown *s, const struct sv_key *key, struct sv_bytes raw,
                        struct sv_bytes report_data, struct sv_err *err)
{
        const struct sv_report *r = s->report;

        if (check_key_info(r, s->vek, err) < 0 || check_report_signature(key, raw, r, err) < 0 ||
            check_report_platform(r, s->vek, err) < 0)
                return -1;
        return sv_report_data_check(r->report_data, report_data, "snp.report_data", "REPORT_DATA",
                                    "report", err);
}

static int read_vek(struct sv_snp_signer *s, const struct sv_cert *vek, struct sv_err *err)
{
        if (!s->read && sv_vek_parse(vek, &s->vek, err) < 0)
                return -1;
        s->read = true;
        return 0;
}

/* The chain, and the key at its end. */
static int prove_vek_chain(struct sv_snp_signer *s, const struct sv_sev_chain *chain,
                           struct sv_err *err)
{
        if (s->key && chain->time >= s->from && chain->time < s->until)
                return 0;
        if (sv_sev_chain_verify(chain, &s->vek, &s->root, err) < 0)
                return -1;
        if (!s->key)
                s->key = sv_cert_key(chain->vek, err);
        if (!s->key)
                return -1;
        if (sv_sev_chain_span(chain, &s->vek, &s->from, &s->until, NULL) < 0)
                s->from = s->until = 0; /* it holds now; for how long cannot be said */
        return 0;
}

int sv_snp_signer_prove(struct sv_snp_signer *s, const struct sv_sev_chain *chain,
                        struct sv_err *err)
{
        return read_vek(s, chain->vek, err) < 0 ? -1 : prove_vek_chain(s, chain, err);
}

void sv_snp_signer_free(struct sv_snp_signer *s)
{
        sv_key_freep(&s->key);
        *s = (struct sv_snp_signer){.key = NULL};
}

int sv_snp_verify_with(struct sv_snp_signer *s, const struct sv_snp_in *in,
                       const struct sv_report *report, struct sv_err *err)
{
        if (read_vek(s, in->chain.vek, err) < 0 || check_key_info(report, &s->vek, err) < 0)
                return -1;
        if (!in->skip_signatures &&
            (prove_vek_chain(s, &in->chain, err) < 0 ||
             (!in->leave_report && check_report_signature(s->key, in->report, report, err) < 0)))
                return -1;
        if (check_report_platform(report, &s->vek, err) < 0)
                return -1;
        return sv_report_data_check(report->report_data, in->report_data, "snp.report_data",
                                    "REPORT_DATA", "report", err);
}

int sv_snp_verify(const struct sv_snp_in *in, struct sv_report *report, struct sv_vek *vek,
                  bool *test_root, struct sv_err *err)
{
        struct sv_snp_signer s = {.key = NULL};
        struct sv_report parsed;
        int r = sv_report_parse(in->report, &parsed, err);

        if (r == 0)
                r = sv_snp_verify_with(&s, in, &parsed, err);
        if (r == 0) {
                *report = parsed;
                *vek = s.vek;
                *test_root = !s.root.amd;
        }
        sv_snp_signer_free(&s);
        return r;
}
