/* SPDX-License-Identifier: Apache-2.0 */
/* What an init does first, before anything else works, and last. `m` NULL: this machine. */
#pragma once

#include "agent/config.h"
#include "agent/machine.h"
#include "base/core/buf.h"

/* /proc, /sys, /dev, /run, securityfs; a console; the keyboard's emergency functions off. SV_SYSTEM
 * "agent.mount". */
int sv_system_mount(const struct sv_machine *m, struct sv_err *err);
/* The modules of /etc/secure-vm/modules in their order. One that this machine has no use for (no
 * such device) is passed over; any other failure is SV_SYSTEM "agent.module". */
int sv_system_load_modules(const struct sv_machine *m, struct sv_err *err);
/* What this kernel was started with. SV_SYSTEM "agent.cmdline", SV_USAGE "agent.cmdline.*". */
int sv_system_read_config(struct sv_agent_config *config, struct sv_err *err);
/* The block device with this virtio serial, waited for a little. `path` has 64 bytes. SV_SYSTEM
 * "agent.disk". */
int sv_system_find_disk(const struct sv_machine *m, const char *serial, char path[64],
                        struct sv_err *err);
/* The first `size` bytes of a device. SV_SYSTEM "agent.disk", SV_FORMAT "luks.header.short". */
int sv_system_read_head(const char *device, size_t size, struct sv_buf *head, struct sv_err *err);
/* The bytes of a device. SV_SYSTEM "agent.disk". */
int sv_system_read_size(const char *device, uint64_t *size, struct sv_err *err);
/* Ends this machine (agent/power.h). */
_Noreturn void sv_system_power_off(void);
