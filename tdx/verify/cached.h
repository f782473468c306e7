/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier keeps of a TDX platform (tee/trust-cache.h): its PCK chain, the collateral for
 * it, and the quoting enclave's key. Pure. */
#pragma once

#include "tee/trust-cache.h"
#include "tdx/verify/verify.h"

struct sv_tdx_cached { /* sv_cached.state */
        struct sv_certs roots;
        struct sv_tdx_collateral c;
};

/* `what`: "pck-chain", the parts (tdx/verify/bundle.h) that are there, "sgx-root" any number,
 * "any-root" (sv_verify_in.any_root). Nothing is verified yet: sv_tdx_verify_with does that. */
struct sv_cached *sv_tdx_cached_new(const struct sv_collateral *what, struct sv_err *err);
/* For an entry that a proof which held has used: the cache takes it over. */
void sv_tdx_cache_keep(struct sv_trust_cache *m, struct sv_cached *k);
/* struct sv_tee_verify.accept_shared */
int sv_tdx_cache_accept(struct sv_trust_cache *m, const struct sv_collateral *what, int64_t time,
                        struct sv_err *err);
