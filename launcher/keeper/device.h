/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices as disks of guests. QEMU opens them by a name, as libvirt hands over files alone:
 * by one that is the guest's own, of the device that was looked at, whatever is found later by the
 * name in the guest file. So the host's node keeps its owner, and its name need not stand still. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/core/err.h"
#include "launcher/keeper/state.h"

/* Root's: a node in /dev/secure-vm for the guest's n-th disk, which libvirt gives to the guest's
 * QEMU; or which stays root's, for `readers` (a group; 0: none) to read: whom a node belongs to
 * could make it writable. *path is the caller's. SV_SYSTEM "launch.device". */
int sv_device_make_node(const struct sv_state *s, size_t n, dev_t number, unsigned readers,
                        char **path, struct sv_err *err);
/* When nothing of the guest runs: its nodes. */
void sv_device_remove_nodes(const struct sv_state *s);
/* Has a process of this machine the device open, as far as this one may look? */
bool sv_device_has_user(dev_t number);
/* Has a QEMU of this machine it open for writing, or with `read` at all, or what it overlaps with
 * (launcher/keeper/overlap.h)? By whatever node: libvirt makes some of its own, and locks are of a
 * node. As far as this one may look. */
bool sv_device_has_qemu(dev_t number, bool read);
/* Are they the same blocks, in part or whole? */
bool sv_device_overlaps(dev_t a, dev_t b);
/* Does the kernel use /dev/NAME: mounted, swap, below another device? */
bool sv_device_is_claimed(const char *name);
