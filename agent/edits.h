/* SPDX-License-Identifier: Apache-2.0 */
/* Texts below /etc of an imported root that could not be changed where it was imported: the kernel
 * alone writes XFS and btrfs. The initramfs, which is measured, has them in /etc/secure-vm/edits:
 *
 *      fstab, crypttab     a line with the SHA-256 of what is replaced, in hex, and the new text
 *
 * What is not that text any more was replaced at an earlier boot, or is the system's own. */
#pragma once

#include "agent/machine.h"
#include "base/core/err.h"

/* In the root that is mounted on /sysroot; in one step each, so that nothing is lost wherever it
 * ends. SV_GUEST_ROOT becomes a link to its device. `m` NULL: this machine. SV_SYSTEM
 * "agent.edits". */
int sv_edits_apply(const struct sv_machine *m, const char *device, struct sv_err *err);
