/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of SEV-SNP's row of attest/tees-verify.c. Pure. */
#pragma once

#include "tee/verify.h"

/* `verify`. Collateral: "vek" (VCEK or VLEK), "ca" (ASK, ASVK, ARK; any number), "crl", "ark-root"
 * (trusted in addition to AMD's). What the collateral does not have is taken from the evidence's
 * own certificates. */
int sv_snp_tee_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                      struct sv_json **claims, struct sv_err *err);
/* `needs`: AMD's key server (AMD 57230, chapter 4). */
int sv_snp_needs(const struct sv_evidence *e, struct sv_json *out, struct sv_err *err);
extern const char sv_snp_strict[];
