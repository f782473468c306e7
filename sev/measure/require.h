/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest file requires of the platform (/tees/sev-snp/require): rules beyond the guest's own.
 */
#pragma once

#include "base/json/json.h"

/* Members, all optional: "reported_tcb", "committed_tcb", "launch_tcb" (objects of components, each
 * a minimum; or one of such objects by product), "firmware" ("1.55" or "1.55.40", a minimum),
 * "mit_vector_set" ("0x…"), "platform_set", "platform_clear" ("0x…", bits of PLATFORM_INFO),
 * "provisional" (true: allowed), "chips_denied", "chips_allowed" (hex), "crl" (true: a revocation
 * list must have been checked). NULL: the defaults, which allow no provisional firmware. SV_USAGE
 * "guest.sev-snp.require". */
int sv_sev_require_rules(const struct sv_json *require, struct sv_json *rules, struct sv_err *err);
