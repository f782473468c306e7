/* SPDX-License-Identifier: Apache-2.0 */
/* What a completion status of the TDX module means (Intel TDX Module ABI Specification, "Function
 * Completion Status Codes"). */
#pragma once

#include "base/core/buf.h"

/* A sentence, for any status: by its upper half (class and name), else by its class; for an operand
 * its name as well. */
void sv_tdx_status(uint64_t status, struct sv_buf *out);
/* Would the same call succeed later? (Busy, interrupted, no entropy.) */
bool sv_tdx_status_again(uint64_t status);
