/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of our own supervisor that start with their host: the service secure-vm@NAME. */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"

/* As struct sv_keeper's. SV_USAGE "autostart.user" for who is not root, SV_SYSTEM
 * "autostart.systemd" when systemd does not do it. */
int sv_autostart_embedded(const char *uri, const char *name, const bool *set, bool *now,
                          struct sv_err *err);
