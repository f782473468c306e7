/* SPDX-License-Identifier: Apache-2.0 */
/* Huge pages for what a guest gets while it runs. */
#pragma once

#include "base/json/json.h"

/* Has the host free pages of the size that this guest's memory lies on, on the nodes that it is
 * bound to, for it to have `memory` bytes? `status` as sv_tuned_put left it; "memory_now" or
 * "memory" is what it has. A guest on ordinary pages is not asked about. What is lacking would
 * otherwise never come, in silence. `root` as launcher/tune/topology.h has it. SV_SYSTEM
 * "tuning.hugepages"; those of topology.h. */
int sv_tune_check_growth(const char *root, const struct sv_json *status, uint64_t memory,
                         struct sv_err *err);
