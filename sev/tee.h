/* SPDX-License-Identifier: Apache-2.0 */
/* The row of SEV-SNP, and its parts that are pure: verification, needs, rules. */
#pragma once

#include "guest/guest.h"
#include "tee/tee.h"
#include "sev/verify/certs.h"

/* struct sv_tee.verify. Collateral: "vek" (VCEK or VLEK), "ca" (ASK, ASVK, ARK; any number), "crl",
 * "ark-root" (trusted beside AMD's). Certificates of the evidence's own fill what the collateral
 * does not have. */
int sv_snp_tee_verify(const struct sv_verify_in *in, struct sv_json **claims, struct sv_err *err);
/* struct sv_tee.needs: AMD's key server (AMD 57230, chapter 4). */
int sv_snp_needs(const struct sv_json *evidence, struct sv_json *out, struct sv_err *err);
/* struct sv_tee.policy: this launch digest, this guest policy, this host data, these keys; and the
 * platform that the guest file requires. */
int sv_snp_rules(const struct sv_guest *guest, const struct sv_measurement *m,
                 struct sv_json *rules, struct sv_json *trust, struct sv_err *err);
extern const char sv_snp_strict[];
/* struct sv_tee.inspect: report (alone, with a certificate table, in Azure's wrapper, as KBS
 * evidence), certificate table, VCEK or VLEK, ID block, ID authentication, IGVM file. */
int sv_sev_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err);

extern const struct sv_tee sv_tee_sev_snp;
