/* Verification of an SNP attestation report. Pure. */
#pragma once

#include "sev/certs.h"

struct sv_snp_in {
        struct sv_bytes report; /* 1184 bytes */
        struct sv_sev_chain chain;
        struct sv_bytes report_data; /* n == 0: not checked; shorter than 64 bytes: the rest must be zero */
        bool skip_signatures;        /* fuzzing only */
};

/* Does the report hold? The order is the rule: size, key, signature over the raw bytes, then what it says.
 *   snp.report.*         form (SV_FORMAT)                    snp.vek.*            the VEK's form (SV_FORMAT)
 *   snp.chain.*          VEK to AMD's root                   snp.signature        the report's signature
 *   snp.key.masked       MASK_CHIP_KEY: there is none        snp.key.none         SIGNING_KEY says none
 *   snp.key.type         signed by VCEK, VLEK given or v.v.  snp.product          report, VEK and root disagree
 *   snp.tcb              REPORTED_TCB is not the VEK's       snp.chip_id          CHIP_ID is not the VCEK's hwID
 *   snp.report_data      REPORT_DATA is not what was asked */
int sv_snp_verify(const struct sv_snp_in *in, struct sv_report *report, struct sv_vek *vek, bool *test_root, struct sv_err *err);

/* A VEK whose chain holds, for many reports of one chip: what is left to each of them is one signature. */
struct sv_snp_signer;
/* The checks of sv_snp_verify that are about the chain. Copies what it needs. */
struct sv_snp_signer *sv_snp_signer_new(const struct sv_sev_chain *chain, struct sv_err *err);
void sv_snp_signer_free(struct sv_snp_signer *s);
const struct sv_vek *sv_snp_signer_vek(const struct sv_snp_signer *s, bool *test_root);
/* As sv_snp_verify. SV_PROOF "snp.chain.expired": at this time a certificate or revocation list of the chain is not valid. */
int sv_snp_verify_by(const struct sv_snp_signer *s, struct sv_bytes report, struct sv_bytes report_data, int64_t time, struct sv_report *out,
                     struct sv_err *err);
