/* SPDX-License-Identifier: Apache-2.0 */
/* TDX evidence, read once (sv_tee_verify.open). */
#pragma once

#include "tdx/verify/evidence.h"
#include "tdx/verify/quote.h"
#include "tee/verify.h"

struct sv_tdx_opened {
        struct sv_evidence head;
        struct sv_tdx_evidence e;
        struct sv_quote quote; /* points into e.quote */
};
