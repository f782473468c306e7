/* SPDX-License-Identifier: Apache-2.0 */
/* What the tool and the agent have agreed upon for the root of an imported system. */
#pragma once

/* A link to the opened disk, for further mounts of it: nothing of this name is the host's to give,
 * and nobody has to find a device first. */
#define SV_GUEST_ROOT  "/run/secure-vm-root"
/* In the initramfs: agent/edits.h. */
#define SV_GUEST_EDITS "/etc/secure-vm/edits"
