/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/guest.h"

/* Can the guest have this disk? Opens it as a launch does (sv_disk_open) and looks at its beginning
 * only. SV_USAGE "launch.disk.format" for an image of another format than raw, and for a root that
 * should be encrypted and is not; SV_SYSTEM "launch.disk.busy" when a QEMU has it, unless that
 * may be the guest's `own`. */
int sv_launch_check_disk(const struct sv_guest *g, const struct sv_disk *d, bool own,
                         struct sv_err *err);
/* Are the blocks of the guest's n-th disk those of no disk before it, unless both are only read?
 * SV_USAGE "launch.disk.twice". */
int sv_launch_check_apart(const struct sv_guest *g, size_t n, struct sv_err *err);
/* The guest's, as long as this descriptor is open: a disk that its QEMU opens by a node of its own,
 * whose locks nobody else would see. It is locked as QEMU locks an image. SV_SYSTEM
 * "launch.disk.busy". */
int sv_launch_hold_disk(const struct sv_disk *d, int fd, struct sv_err *err);
