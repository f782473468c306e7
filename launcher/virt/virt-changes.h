/* SPDX-License-Identifier: Apache-2.0 */
/* What changed in a running guest's disks since a bitmap was begun, copied by QEMU into an image
 * (image/qcow2.h) of each disk: its job blockdev-backup. The images come to it as descriptors, so
 * that it needs no name and no right to them. It goes on when the command is killed, into files
 * that have no name any more: no write of the guest's fails for that. */
#pragma once

#include "launcher/virt/virt-bitmaps.h"
#include "launcher/virt/virt-quiesce.h"

struct sv_changes {
        const struct sv_bitmaps *b;
        const size_t *disks; /* as sv_bitmaps_read has them */
        const char *since;   /* the bitmap that says what changed; it stays as it is */
        const char *next;    /* and the one that begins at the moment of this copy */
        const int *fds;      /* of each disk: an image of sv_qcow2_make, read and write */
        /* The disk has so many bytes to be copied, for which there must be room. */
        int (*reserve)(void *arg, size_t disk, uint64_t bytes, struct sv_err *err);
        void *arg;
        struct sv_quiesce *quiesce;  /* or NULL */
        const volatile bool *cancel; /* or NULL */
        struct sv_progress *progress;
};
/* All disks as of one moment. It ends when QEMU has let go of the files. SV_SYSTEM "virt.monitor",
 * "snapshot.job", "snapshot.cancelled": `next` is not there then. *begun: QEMU had begun. */
int sv_virt_copy_changes(struct sv_virt *v, const struct sv_changes *c, bool *begun,
                         struct sv_err *err);
/* Ends what a command that was killed has left QEMU to do. */
int sv_virt_end_changes(struct sv_virt *v, struct sv_err *err);
