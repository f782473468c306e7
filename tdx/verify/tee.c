/* SPDX-License-Identifier: Apache-2.0 */
/* TDX's row of attest/tees-verify.c. */
#include "tdx/tee.h"

#include "tdx/verify/evidence.h"
#include "tdx/verify/known.h"
#include "tdx/verify/tee.h"

static const struct sv_trust_kind trust_kinds[] = {
        {"sgx_roots", "sgx-root"},
        {NULL, NULL},
};

static const char *const takes[] = {"event-log", NULL};

const struct sv_tee_verify sv_tee_verify_tdx = {
        .id = &sv_tee_tdx,
        .needs = sv_tdx_needs,
        .wrap = sv_tdx_evidence_wrap,
        .verify = sv_tdx_tee_verify,
        .learn = sv_tdx_learn,
        .takes = takes,
        .trust = trust_kinds,
        .strict = sv_tdx_strict,
};
