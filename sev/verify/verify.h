/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of an SNP attestation report. Pure. */
#pragma once

#include "sev/verify/certs.h"

struct sv_snp_in {
        struct sv_bytes report; /* 1184 bytes */
        struct sv_sev_chain chain;
        /* n == 0: not checked; shorter than 64 bytes: the rest must be zero */
        struct sv_bytes report_data;
        bool skip_signatures; /* fuzzing only */
        bool leave_report;    /* its signature is checked elsewhere (sv_verify_in.proof) */
};

/* Does the report hold? The order is the rule: size, key, signature over the raw bytes, then what
 * it says. snp.report.*         form (SV_FORMAT)                    snp.vek.*            the VEK's
 * form (SV_FORMAT) snp.chain.*          VEK to AMD's root                   snp.signature the
 * report's signature snp.key.masked       MASK_CHIP_KEY: there is none        snp.key.none
 * SIGNING_KEY says none snp.key.type         signed by VCEK, VLEK given or v.v.  snp.product
 * report, VEK and root disagree snp.tcb              REPORTED_TCB is not the VEK's snp.chip_id
 * CHIP_ID is not the VCEK's hwID snp.report_data      REPORT_DATA is not what was asked */
int sv_snp_verify(const struct sv_snp_in *in, struct sv_report *report, struct sv_vek *vek,
                  bool *test_root, struct sv_err *err);

/* A VEK and what was proven of its chain, for many reports: what is left to each is one signature.
 * Zeroed at first, and always for the same certificates and lists. Not for two threads at once. */
struct sv_snp_signer {
        struct sv_vek vek;
        bool read;
        struct sv_sev_root root; /* of the chain that held last */
        struct sv_key *key;      /* NULL until the chain has held once */
        int64_t from, until;     /* it holds from .. before until */
};
void sv_snp_signer_free(struct sv_snp_signer *s); /* what is in it */
/* As sv_snp_verify, with the same errors, of a report that was parsed from in->report; *s says the
 * rest. in->time may differ each time: the chain is verified again when it is not known to hold
 * then. */
int sv_snp_verify_with(struct sv_snp_signer *s, const struct sv_snp_in *in,
                       const struct sv_report *report, struct sv_err *err);
/* Its checks that are about the chain. */
int sv_snp_signer_prove(struct sv_snp_signer *s, const struct sv_sev_chain *chain,
                        struct sv_err *err);

struct sv_snp_shown { /* of what the claims are made */
        const struct sv_report *report;
        const struct sv_vek *vek;
        const struct sv_sev_root *root; /* NULL: no chain was verified */
        uint8_t vek_sha256[32];
        bool report_data_checked;
};
struct sv_json *sv_snp_claims(const struct sv_snp_shown *s);
/* Is this report, whose bytes are raw, of this key, which is the VEK's, of its platform, and over
 * these data? Checks as sv_snp_verify's behind the chain. */
int sv_snp_check_report(const struct sv_snp_shown *s, const struct sv_key *key, struct sv_bytes raw,
                        struct sv_bytes report_data, struct sv_err *err);
