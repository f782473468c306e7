/* SPDX-License-Identifier: Apache-2.0 */
/* What an init has to do before anything else works, and at the end. */
#pragma once

#include "base/core/err.h"

/* /proc, /sys, /dev, /run, securityfs; a console; the keyboard's emergency functions off. SV_SYSTEM
 * "agent.mount". */
int sv_system_mount(struct sv_err *err);
/* The modules of /etc/secure-vm/modules in their order. One that this machine has no use for (no
 * such device) is passed over; any other failure is SV_SYSTEM "agent.module". */
int sv_system_load_modules(struct sv_err *err);
/* The block device with this virtio serial, waited for a little. `path` has 64 bytes. SV_SYSTEM
 * "agent.disk". */
int sv_system_find_disk(const char *serial, char path[64], struct sv_err *err);
/* Ends this machine. */
_Noreturn void sv_system_power_off(void);
