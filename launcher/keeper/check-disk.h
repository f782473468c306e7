/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/guest.h"

/* Can the guest have this disk? Opens it as a launch does (sv_disk_open) and looks at its beginning
 * only. SV_USAGE "launch.disk.format" for an image of another format than raw, and for a root that
 * should be encrypted and is not; SV_SYSTEM "launch.disk.busy" when a QEMU has it, unless that
 * may be the guest's `own`. */
int sv_launch_check_disk(const struct sv_guest *g, const struct sv_disk *d, bool own,
                         struct sv_err *err);
