/* What an init has to do before anything else works, and at the end. */
#pragma once

#include "base/err.h"

/* /proc, /sys, /dev, /run, securityfs. SV_SYSTEM "agent.mount". */
int sv_system_mount(struct sv_err *err);
/* The modules of /etc/secure-vm/modules in their order. One that this machine has no use for (no such device) is passed over; any
 * other failure is SV_SYSTEM "agent.module". */
int sv_system_load_modules(struct sv_err *err);
/* The block device with this virtio serial, waited for a little. `path` has 64 bytes. SV_SYSTEM "agent.disk". */
int sv_system_find_disk(const char *serial, char path[64], struct sv_err *err);
/* Mounts the device on /sysroot. SV_SYSTEM "agent.root". */
int sv_system_mount_root(const char *device, const char *type, const char *options, struct sv_err *err);
/* Moves /proc, /sys, /dev and /run over and becomes the init of /sysroot. Returns only on failure: SV_SYSTEM "agent.switch-root". */
int sv_system_switch_root(struct sv_err *err);
/* Ends this machine. */
_Noreturn void sv_system_power_off(void);
