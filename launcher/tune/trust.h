/* SPDX-License-Identifier: Apache-2.0 */
/* Whose processes may be guests of this host: anybody can call a process "qemu-system-x86", and a
 * thread of it "CPU 0/KVM". */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Root, we, libvirt's user of QEMU by /etc/passwd, and the ids that our own guests have by the
 * registry of them (launcher/keeper/ids.h) and no user has; all below `root`. */
bool sv_tune_trusts_uid(const char *root, uid_t uid);
/* Of a process by its number, whose folder in /proc is its effective user's. */
bool sv_tune_trusts_process(const char *root, const char *pid);
