/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier keeps of an SNP platform (tee/trust-cache.h): its VEK with the chain above, and
 * that it held. Pure. */
#pragma once

#include "tee/trust-cache.h"
#include "sev/verify/verify.h"

struct sv_snp_known { /* sv_known.state */
        struct sv_certs vek, ca, roots;
        struct sv_bytes crl[8];
        size_t n_crls;
        struct sv_snp_signer signer;
};

/* `what`: "vek", "ca", "ark-root", "crl" (sev/tee.h), wherever they came from. Read, not verified.
 */
struct sv_known *sv_snp_known_new(const struct sv_collateral *what, struct sv_err *err);
/* As sv_snp_verify wants it. */
struct sv_sev_chain sv_snp_known_chain(const struct sv_snp_known *s, int64_t time);
/* When the proof held: takes k over. */
void sv_snp_keep(struct sv_memory *m, struct sv_known *k);
/* struct sv_tee_verify.learn */
int sv_snp_learn(struct sv_memory *m, const struct sv_collateral *what, int64_t time,
                 struct sv_err *err);
