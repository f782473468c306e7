/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of a guest that are namespaces of NVMe subsystems over fabrics: connected before a start,
 * used where they are connected already, and disconnected when the last guest has ended that used
 * what was connected for one. What was connected, and for whom, stands in the file ".nvme" beside
 * all guests' folders, from before the connection; it counts until the machine's next boot. Who
 * holds a guest's lock may take that file's, never the other way round. `root` is "" for this
 * machine. */
#pragma once

#include "guest/guest.h"
#include "launcher/keeper/state.h"

/* Before a launch, of a disk with "nvme": *there when it is connected; else whether it could be, as
 * far as that can be told without connecting. SV_SYSTEM "fabric.rights", "fabric.multipath",
 * "fabric.link", those of sv_fabric_check and sv_fabric_read_keys. */
int sv_fabric_check_disk(const char *root, const struct sv_guest *g, const struct sv_disk *d,
                         bool *there, struct sv_err *err);
/* With the guest's lock held: all of its disks are there by their paths, each by as many of its
 * paths as can be had; which cannot is a warning. Nothing is kept of a failure: those of
 * sv_fabric_connect, SV_SYSTEM "fabric.namespace", "fabric.link", "fabric.record". */
int sv_fabric_take(const char *root, const struct sv_state *s, const struct sv_guest *g,
                   struct sv_err *err);
/* When nothing of the guest runs. What was connected for guests and is used by nobody is
 * disconnected; what is used is left for the next time. Nothing to do for a guest that took
 * nothing. */
int sv_fabric_release(const char *root, const struct sv_state *s, struct sv_err *err);
/* Is this open file the disk's namespace of the disk's subsystem? SV_SYSTEM "fabric.link". */
int sv_fabric_verify(const char *root, const struct sv_disk *d, int fd, struct sv_err *err);
/* Adds to a disk of a guest's status, which names its subsystem, the paths that there are now. */
void sv_fabric_put_status(const char *root, struct sv_json *disk);
