/* SPDX-License-Identifier: Apache-2.0 */
/* What a running guest writes its disks to, changed under it. The same for our own supervisor and
 * for a libvirt daemon; the subject is sv_virt_define's or sv_virt_lookup's. Calls block. */
#pragma once

#include "base/core/source.h"
#include "launcher/virt/virt.h"

struct sv_disk_watch {
        struct sv_progress *progress; /* or NULL */
        const volatile bool *cancel;  /* or NULL: becomes true when it is to end */
};

/* For each disk of the guest, in its order. */
struct sv_overlay {
        const char *path;  /* NULL: this disk stays as it is */
        const char *group; /* of sv_virt_associate; NULL: QEMU opens it by its path */
};

/* "vda" for the first disk. */
void sv_virt_target(size_t disk, char out[8]);
/* Is the file one of those that the guest's disks consist of now? */
bool sv_virt_has_source(struct sv_virt *v, const char *path);
/* From now on the guest writes to these files, which are there, on all disks at the same moment or
 * on none. */
int sv_virt_snapshot(struct sv_virt *v, const struct sv_overlay *overlays, size_t n,
                     struct sv_err *err);
/* Write what is in `top` and between into `into`, a file below it. With a `top` it has left the
 * chain afterwards. Without (the one that is written) both have the same content afterwards, also
 * of what the guest writes, until sv_virt_pivot. "snapshot.cancelled", "snapshot.job": the chain is
 * as it was. */
int sv_virt_commit(struct sv_virt *v, size_t disk, const char *top, const char *into,
                   const struct sv_disk_watch *w, struct sv_err *err);
/* The guest writes to `into` alone. On failure it goes on with what it had. */
int sv_virt_pivot(struct sv_virt *v, size_t disk, const char *into, struct sv_err *err);
/* Its virtual CPUs stand, when they ran before (*halted), and nothing is written; let them go on.
 */
int sv_virt_halt(struct sv_virt *v, bool *halted, struct sv_err *err);
int sv_virt_go_on(struct sv_virt *v, struct sv_err *err);
