/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/json/json.h"

/* Reads back what of a guest's tuning is in force, from its QEMU on this machine, and adds
 * "differences" to its status; prints them, if asked to. `daemon`: a libvirt daemon keeps it.
 * SV_PROOF "tuning.differs" when there are some; SV_SYSTEM "tuning.off" when no QEMU of this guest
 * runs here. */
int sv_check_tuning(struct sv_json *status, bool daemon, bool say, struct sv_err *err);
