/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of SEV-SNP's row of attest/tees-verify.c. Pure. */
#pragma once

#include "tee/verify.h"

/* `verify`. Collateral: "vek" (VCEK or VLEK), "ca" (ASK or ASVK, and ARK), "crl", "ark-root"
 * (trusted beside AMD's). Certificates of the evidence's own fill what the collateral does not
 * have. */
int sv_snp_tee_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                      struct sv_json **claims, struct sv_err *err);
/* `confirm`: what `verify` leaves in in->proof is the report (1184 bytes) and, as parts, VEK, ASK
 * and ARK. */
int sv_snp_confirm(struct sv_bytes proof, const struct sv_verify_in *in,
                   const struct sv_json *claims, struct sv_err *err);
/* `confirm_root`, `check_anchor`. */
int sv_snp_confirm_root(struct sv_json *claims, const struct sv_collateral *anchors, int64_t time,
                        struct sv_err *err);
int sv_snp_check_anchor(const char *kind, struct sv_bytes data, struct sv_err *err);
/* `needs`: AMD's key server (AMD 57230, chapter 4). */
int sv_snp_needs(const struct sv_evidence *e, struct sv_json *out, struct sv_err *err);
/* The claim that a rule must be about to lift the limit for ACPI tables, and its value. */
#define SV_SNP_ACPI_LIMIT "/limits/configuration/unless"
/* The same for option ROMs. No rule of ours lifts it: no build of firmware is known that runs none
 * on every machine that a host can make. */
#define SV_SNP_ROM_LIMIT  "/limits/executables/unless"
extern const char sv_snp_strict[];
