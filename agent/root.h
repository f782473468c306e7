/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts the decrypted root file system and becomes its init. `m` NULL: this machine. */
#pragma once

#include "agent/config.h"
#include "agent/machine.h"

#define SV_ROOT      "/sysroot"
/* The encrypted disk above a verity root. Whoever ends the system leaves what is below
 * /run/initramfs mounted (systemd: the root needs it to the end). */
#define SV_ROOT_DATA "/run/initramfs/data"

/* The new root's /sbin/init; symbolic links are resolved inside the new root. The caller closes.
 * SV_SYSTEM "agent.root". */
int sv_root_open_init(const struct sv_machine *m, int flags, struct sv_err *err);
/* Mounts the device on /sysroot. SV_SYSTEM "agent.root". */
int sv_root_mount(const struct sv_machine *m, const char *device,
                  const struct sv_agent_config *config, struct sv_err *err);
/* The same device on /run/initramfs/data, whose folders root alone enters. SV_SYSTEM "agent.root",
 * "file.mkdir". */
int sv_root_mount_data(const struct sv_machine *m, const char *device,
                       const struct sv_agent_config *config, struct sv_err *err);
/* Away again, when it must not be used. */
void sv_root_unmount(const struct sv_machine *m);
/* Is the file system at `where` read-only for everybody, so that nothing is written to it any more?
 * A mount that is so only here does not count. False also when the kernel does not say. */
bool sv_root_is_readonly(const struct sv_machine *m, const char *where);
/* Moves /proc, /sys, /dev and /run over, frees the initramfs and becomes the init of /sysroot.
 * Returns only on failure: SV_SYSTEM "agent.switch-root". */
int sv_root_switch(const struct sv_machine *m, struct sv_err *err);
