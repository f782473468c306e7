/* SPDX-License-Identifier: Apache-2.0 */
/* A quote's bytes, with collateral that serves more than one. */
#pragma once

#include "tdx/verify/verify.h"

static inline int verify_raw(struct sv_tdx_collateral *c, struct sv_bytes raw,
                             struct sv_bytes report_data, int64_t time, struct sv_tdx_out *out,
                             struct sv_err *err)
{
        struct sv_quote quote;

        return sv_quote_parse(raw, &quote, err) < 0
                       ? -1
                       : sv_tdx_verify_with(c, &quote, report_data, time, out, err);
}
