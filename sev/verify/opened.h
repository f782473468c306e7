/* SPDX-License-Identifier: Apache-2.0 */
/* SNP evidence, read once (sv_tee_verify.open). */
#pragma once

#include "sev/verify/evidence.h"
#include "tee/verify.h"

struct sv_snp_opened {
        struct sv_evidence head;
        struct sv_snp_evidence e;
        struct sv_report report; /* of e.report */
};
