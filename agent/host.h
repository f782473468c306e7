/* SPDX-License-Identifier: Apache-2.0 */
/* What a host that is not trusted could say to the system that starts after the unlock, and what
 * the agent takes away of it first: SMBIOS and fw_cfg, by which systemd takes credentials and
 * cloud-init its orders; the console, which is a line of the host's; and what the agent needs that
 * is not the host's: random numbers. `m` NULL: this machine. */
#pragma once

#include "agent/machine.h"
#include "base/core/err.h"

/* Does the processor itself give random numbers? SV_SYSTEM "agent.entropy". */
int sv_host_check_entropy(const struct sv_machine *m, struct sv_err *err);
/* Puts folders without SMBIOS and fw_cfg over those of the kernel, so that a driver that is loaded
 * later does not show them either. SV_SYSTEM "agent.hide". */
int sv_host_hide_tables(const struct sv_machine *m, struct sv_err *err);
/* The kernel's console leaves every line of the host's: no message goes there, /dev/console does
 * not lead there, and systemd starts no login on it. SV_SYSTEM "agent.console". */
int sv_host_leave_console(const struct sv_machine *m, struct sv_err *err);
