/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a guest file names, opened with the rights of whose file that is: root copies or hands
 * over to a guest nothing that the one who wrote its name, or placed a link there, could not open
 * himself. */
#pragma once

#include "guest/guest.h"

/* As open(2), close-on-exec; a new file (O_CREAT) is for its owner alone. Root opens as the owner
 * of the guest file (sv_guest.owner), everybody else as himself. -1 with errno. */
int sv_owner_open(const struct sv_guest *g, const char *path, int flags);
/* fn(arg) with the rights with which the above opens, on this thread; returns what it does, and
 * errno is fn's. -1 with EPERM when the rights cannot be had. */
int sv_owner_call(const struct sv_guest *g, int (*fn)(void *arg), void *arg);
/* For the end of a message after it: " (opened as NAME, whose the guest file is)", or "". */
const char *sv_owner_note(const struct sv_guest *g);

/* Opens a disk for reading, and for writing unless it is read-only, with the flags QEMU uses; the
 * caller closes both. SV_SYSTEM "launch.disk" when it cannot be opened, SV_USAGE "launch.disk.kind"
 * when it is neither file nor block device, SV_SYSTEM "launch.disk.busy" for a device that the host
 * itself uses (mounted, swap, part of another). */
int sv_disk_open(const struct sv_guest *g, const struct sv_disk *d, int fds[2], struct sv_err *err);
/* O_DIRECT where the disk's file system has it; tmpfs and some others have not. */
int sv_disk_direct_flag(const struct sv_guest *g, const struct sv_disk *d);
