/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest file requires of the platform (/tees/tdx/require): rules beyond the guest's own. */
#pragma once

#include "base/json/json.h"

/* Members, all optional:
 *   "status"              list of TCB statuses that will do; default ["UpToDate"]
 *   "grace_days"          "OutOfDate" and "OutOfDateConfigurationNeeded" too, while the date of the
 * platform's level is not longer ago "tcb_date"            "2025-03-01" or RFC 3339: the level may
 * not be older "tcb_evaluation"      a minimum of tcbEvaluationDataNumber, of TCB info and QE
 * identity "advisories_denied"   list of Intel's advisories ("INTEL-SA-00960") that the platform
 * may not be open to "mrseam"              list (hex): these TDX modules only "fmspc" list (hex):
 * these kinds of platform only "platforms_denied", "platforms_allowed"    lists of PPIDs (hex)
 * "xfam" "0x…": the TD may have these extended features and no others "mrservicetd"         hex:
 * this service TD; default none "sept_ve_disable"     false: the host may take pages from under the
 * TD and it would not notice; default true "rtmr3"               hex, or "any"; default zero:
 * nothing was extended into it, no key was released in this boot NULL: the defaults. SV_USAGE
 * "guest.tdx.require". */
int sv_tdx_require_rules(const struct sv_json *require, struct sv_json *rules, struct sv_err *err);
