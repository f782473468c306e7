/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier keeps of a TDX platform (tee/trust-cache.h): its PCK chain, the collateral for
 * it, and the quoting enclave's key. Pure. */
#pragma once

#include "tee/trust-cache.h"
#include "tdx/verify/verify.h"

struct sv_tdx_known { /* sv_known.state */
        struct sv_certs roots;
        struct sv_tdx_collateral c;
};

/* `what`: "pck-chain", the parts (tdx/verify/bundle.h) that are there, "sgx-root" any number.
 * Nothing is verified yet: sv_tdx_verify_with does that. */
struct sv_known *sv_tdx_known_new(const struct sv_collateral *what, struct sv_err *err);
/* When the proof held: takes k over. */
void sv_tdx_keep(struct sv_memory *m, struct sv_known *k);
/* struct sv_tee_verify.learn */
int sv_tdx_learn(struct sv_memory *m, const struct sv_collateral *what, int64_t time,
                 struct sv_err *err);
