/* SPDX-License-Identifier: Apache-2.0 */
/* TDREPORT_STRUCT (Intel TDX Module ABI Specification): what the module says to its own machine of
 * a TD. Its MAC holds on that machine alone; a quote is what others can verify. Pure. */
#pragma once

#include "tdx/verify/quote.h"

#define SV_TDREPORT_SIZE 1024u

struct sv_tdreport {
        uint8_t version; /* of REPORTTYPE: 0, or 1 with TEE_TCB_SVN2 and SERVTD_HASH */
        uint8_t cpusvn[16];
        struct sv_td_report td;
};

/* SV_FORMAT "tdx.report.size", ".type" (no TDX report of a version that we know), ".hash"
 * (REPORTMACSTRUCT names another TDINFO or TEE_TCB_INFO). */
int sv_tdreport_parse(struct sv_bytes raw, struct sv_tdreport *out, struct sv_err *err);
