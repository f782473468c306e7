/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/guest.h"
#include "tee/tee.h"

/* Warns of what the guest file leaves to the host under this TEE, and names the cure. */
void sv_warn_exposure(const struct sv_tee *id, const struct sv_guest *guest);
