/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/tee.h"

#include <stddef.h>

const struct sv_tee sv_tee_sev_snp = {
        .name = "sev-snp",
        .kbs_name = "snp",
        .help = "AMD SEV-SNP: memory encrypted and protected against the host, launch measured by "
                "the processor",
        .confidential = true,
        .accepts_late = true,
        .firmware = SV_SEV_FIRMWARE,
        .firmware_feature = "amd-sev-snp",
};
