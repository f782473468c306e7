/* Which TEE a guest gets on this host. */
#pragma once

#include "base/guest.h"
#include "base/tee.h"

/* "auto" is the first of the table that this host can launch. launch.tee when it cannot, with the one thing to change. */
int sv_choose_tee(const struct sv_guest *g, const struct sv_tee **out, struct sv_err *err);
