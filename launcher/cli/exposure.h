/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/guest.h"
#include "tee/tee.h"

/* What the guest file leaves to the host under this TEE: refused when it does not say so (the
 * TEE's own check, SV_USAGE), and else added to `warnings` (array), with the cure. */
int sv_check_exposure(const struct sv_tee *id, const struct sv_guest *guest,
                      struct sv_json *warnings, struct sv_err *err);
/* The same for commands that warn of nothing else: printed at once. */
int sv_report_exposure(const struct sv_tee *id, const struct sv_guest *guest, struct sv_err *err);
