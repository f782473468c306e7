/* SPDX-License-Identifier: Apache-2.0 */
/* SEV-SNP's row of launcher/tees-host.c. */
#include "sev/tee.h"

#include "sev/host/host.h"

const struct sv_tee_host sv_tee_host_sev_snp = {
        .id = &sv_tee_sev_snp,
        .probe = sv_sev_probe,
        .domain = sv_sev_domain,
        .refusal = sv_sev_refusal,
        .trial = sv_sev_trial,
        .trial_says = "the hardware measured what was predicted",
        .host_op = sv_sev_host_op,
};
