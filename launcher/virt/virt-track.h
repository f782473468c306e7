/* SPDX-License-Identifier: Apache-2.0 */
/* Where a running guest writes to its disks, up to the end of its QEMU, so that after that only
 * those places need be looked at.
 *
 * A dirty bitmap of a raw disk lives in QEMU's memory and ends with it, and libvirt has QEMU end in
 * the moment in which the guest has shut down, so nobody can read it then. Hence a job of QEMU's
 * (blockdev-mirror, from here on, each write before the guest hears of its end) repeats all writes
 * to an image that keeps no data (image/qcow2-bitmap.h), but a bitmap, which QEMU writes there when
 * it ends in order. A job whose command was killed notes on until the guest ends, for nobody, or
 * until the next command that asks QEMU for something.
 *
 * What it noted counts when QEMU's own events say that the job went on until the guest's end, and
 * the bitmap is there. Discards of the guest's do nothing meanwhile. */
#pragma once

#include "launcher/virt/virt-bitmaps.h"

struct sv_virt;
struct sv_virt_track;

#define SV_TRACK_BITMAP "writes"   /* its name in the image */
#define SV_TRACK_MARK   (1u << 20) /* bytes of the disk of which it has a bit */

/* fds: of each disk of b an image of sv_qcow2_make_notes for its size, read and write; they are the
 * caller's, and have what was noted after sv_virt_track_wait. The subject's connection must be the
 * same until then. SV_SYSTEM "virt.library", "virt.monitor", "virt.libvirt" (also when the
 * connection is to another host, to which no descriptor can go). */
int sv_virt_track_begin(struct sv_virt *v, const struct sv_bitmaps *b, const int *fds,
                        struct sv_virt_track **out, struct sv_err *err);
/* While the guest runs: what was noted since the beginning or the last time goes into the image
 * `fd`, another such one. After a failure what is noted is not whole any more: end it. */
int sv_virt_track_take(struct sv_virt_track *t, size_t disk, int fd, struct sv_err *err);
/* After the guest's end. SV_SYSTEM "virt.track" when QEMU did not note all until then, or that
 * cannot be told. A bitmap that is not in its image then says the same. */
int sv_virt_track_wait(struct sv_virt_track *t, struct sv_err *err);
/* NULL is fine. */
void sv_virt_track_end(struct sv_virt_track *t);
/* Ends what a command that was killed has left QEMU to note. */
int sv_virt_track_clear(struct sv_virt *v, struct sv_err *err);
