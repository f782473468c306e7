/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral for TD quotes in one file: what Intel's PcsClientTool collects
 * ("platform_collaterals.json", many platforms), and the collateral of one quote as dcap-qvl writes
 * it (QuoteCollateralV3). Only taken apart: tdx/verify/verify.c believes nothing of it. Pure. */
#pragma once

#include "base/json/json.h"
#include "tdx/verify/pck.h"

enum sv_tdx_part { /* in the order of sv_tdx_part_kind */
                   SV_TDX_TCB_INFO,
                   SV_TDX_TCB_INFO_CHAIN,
                   SV_TDX_QE_IDENTITY,
                   SV_TDX_QE_IDENTITY_CHAIN,
                   SV_TDX_PCK_CRL,
                   SV_TDX_ROOT_CA_CRL,
                   SV_TDX_PARTS
};
/* "tcb-info", "tcb-info-chain", …: the kind of collateral */
const char *sv_tdx_part_kind(enum sv_tdx_part part);

struct sv_tdx_bundle {
        struct sv_buf part[SV_TDX_PARTS]; /* empty: not in there */
};
void sv_tdx_bundle_free(struct sv_tdx_bundle *b);
#define SV_TDX_BUNDLE __attribute__((cleanup(sv_tdx_bundle_free))) struct sv_tdx_bundle

/* The parts for the platform of this certificate (`processor`: it was issued by the Processor CA).
 * *out must be zeroed. SV_FORMAT "tdx.bundle.json", ".form" (neither of the two), ".member",
 * ".hex", ".chain". */
int sv_tdx_bundle_read(struct sv_bytes text, const struct sv_pck *pck, bool processor,
                       struct sv_tdx_bundle *out, struct sv_err *err);
