/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier keeps of an SNP platform (tee/trust-cache.h): its VEK with the chain above, and
 * that it held. Pure. */
#pragma once

#include "tee/trust-cache.h"
#include "sev/verify/verify.h"

struct sv_snp_cached { /* sv_cached.state */
        struct sv_certs vek, ca, roots;
        struct sv_bytes crl[8];
        size_t n_crls;
        bool any_root;
        struct sv_snp_signer signer;
};

/* `what`: "vek", "ca", "ark-root", "crl" (sev/tee.h), "any-root" (sv_verify_in.any_root), wherever
 * they came from: read, not verified.
 */
struct sv_cached *sv_snp_cached_new(const struct sv_collateral *what, struct sv_err *err);
/* The chain in it, in the form that sv_snp_verify takes. */
struct sv_sev_chain sv_snp_cached_chain(const struct sv_snp_cached *s, int64_t time);
/* For an entry that a proof which held has used: the cache takes it over. */
void sv_snp_cache_keep(struct sv_trust_cache *m, struct sv_cached *k);
/* struct sv_tee_verify.accept_shared */
int sv_snp_cache_accept(struct sv_trust_cache *m, const struct sv_collateral *what, int64_t time,
                        struct sv_err *err);
