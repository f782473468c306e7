/* SPDX-License-Identifier: Apache-2.0 */
/* What this host will lack for a guest, told before it starts. */
#pragma once

#include <stdbool.h>

#include "launcher/keeper/keeper.h"

/* Adds warnings (tee/warn.h) to `list`: memory, keys of the TEE, processors. `sysroot` is "" for
 * the machine itself; what cannot be read there is not judged. */
void sv_warn_host(const char *sysroot, const struct sv_launch *l, struct sv_json *list);
