/* SPDX-License-Identifier: Apache-2.0 */
/* The row of AMD SEV-SNP. */
#include "sev/tee.h"

#include "sev/verify/evidence.h"
#include "sev/host/host.h"
#include "sev/measure/measure.h"
#include "sev/verify/known.h"

static const struct sv_trust_kind trust_kinds[] = {
        {"ark_roots", "ark-root"},
        {NULL, NULL},
};

static const char *const takes[] = {"vek", "ca", "crl", NULL};

const struct sv_tee sv_tee_sev_snp = {
        .name = "sev-snp",
        .kbs_name = "snp",
        .help = "AMD SEV-SNP: memory encrypted and protected against the host, launch measured by "
                "the processor",
        .firmware = SV_SEV_FIRMWARE,
        .probe = sv_sev_probe,
        .domain = sv_sev_domain,
        .refusal = sv_sev_refusal,
        .trial = sv_sev_trial,
        .host_op = sv_sev_host_op,
        .trial_says = "the hardware measured what was predicted",
        .measure = sv_sev_measure,
        .id_block = sv_sev_id_block,
        .policy = sv_snp_rules,
        .needs = sv_snp_needs,
        .wrap = sv_snp_evidence_wrap,
        .verify = sv_snp_tee_verify,
        .learn = sv_snp_learn,
        .takes = takes,
        .trust = trust_kinds,
        .inspect = sv_sev_inspect,
        .strict = sv_snp_strict,
};
