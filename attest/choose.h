/* Which TEE a guest runs under: one answer for measure, policy, launch and all the rest. */
#pragma once

#include "attest/tees.h"
#include "base/guest.h"

/* `name` when given (--tee), else the guest file's; "auto" is the first row of the table that this host can run. SV_USAGE "tee.name" when
 * there is no such TEE, SV_SYSTEM "tee.auto" when this host has none, with what to change for the last row. */
int sv_tee_choose(const char *name, const struct sv_guest *guest, const struct sv_tee **out, struct sv_err *err);
