/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a platform must run, by what AMD has published: a dated table. Pure. */
#pragma once

#include "sev/verify/report.h"

/* The claims' "floor": {"date","tcb","firmware","alias_check"}. The last three are "met", or say
 * what is missing and which bulletin of AMD's asks for it; of what a report cannot say,
 * "unknown: …". `product`: the certificate's, for reports of version 2 do not say it. */
struct sv_json *sv_snp_floor_claims(const struct sv_report *r, enum sv_sev_product product);

/* sv_tee_verify.floor */
extern const char sv_snp_floor[];
/* The names in it, for policies and guest files; ends with NULL. */
extern const char *const sv_snp_floor_names[];
#define SV_SNP_FLOOR_DEBUG     (1u << 0)
#define SV_SNP_FLOOR_MIGRATION (1u << 1)
#define SV_SNP_FLOOR_VMPL      (1u << 2)
