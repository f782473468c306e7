/* SPDX-License-Identifier: Apache-2.0 */
/* SEV-SNP's row of attest/tees-verify.c. */
#include "sev/tee.h"

#include "sev/verify/evidence.h"
#include "sev/verify/known.h"
#include "sev/verify/tee.h"

static const struct sv_trust_kind trust_kinds[] = {
        {"ark_roots", "ark-root"},
        {NULL, NULL},
};

static const char *const takes[] = {"vek", "ca", "crl", NULL};

const struct sv_tee_verify sv_tee_verify_sev_snp = {
        .id = &sv_tee_sev_snp,
        .needs = sv_snp_needs,
        .wrap = sv_snp_evidence_wrap,
        .verify = sv_snp_tee_verify,
        .learn = sv_snp_learn,
        .takes = takes,
        .trust = trust_kinds,
        .strict = sv_snp_strict,
};
