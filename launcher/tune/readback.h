/* SPDX-License-Identifier: Apache-2.0 */
/* What of a guest's tuning is in force, as the kernel says: affinity and control group of each
 * thread, policy and pages of its memory, descriptors of vhost and io_uring, what its QEMU was
 * started with. Not what a definition claims. */
#pragma once

#include "base/json/json.h"

/* Is this process a QEMU whose command line has this UUID? `root` as for sv_topology_read. */
bool sv_readback_is_qemu(const char *root, unsigned pid, const char *uuid);
/* The process that is; 0: none. Guests of one name have one UUID, so of a guest of our own the
 * process is known otherwise; a libvirt daemon has each UUID once. */
unsigned sv_readback_find_qemu(const char *root, const char *uuid);

/* Adds to `tuning` the folder of the control groups that the process, which was just started, has
 * got: "group"; null where it has none of its own. */
void sv_readback_note_group(const char *root, unsigned pid, struct sv_json *tuning);

/* `tuning` is what sv_tuned_put recorded; "requests" of one of its disks says how many there were:
 * before the first, QEMU has no ring for it. Adds to the array `found` an object for each
 * difference: "what" ("vCPU 0"), "wanted", "found", "where" (the file that says so). SV_SYSTEM
 * "tune.threads" or "tune.readback" when the process cannot be read. */
int sv_readback(const char *root, unsigned pid, const struct sv_json *tuning, struct sv_json *found,
                struct sv_err *err);
