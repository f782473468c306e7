/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots of a guest's disks, while it runs (virt: its connection) or not (NULL). The caller has
 * the guest's lock; `chains` are sv_chains_take's, and are kept up to date. Killed at any moment,
 * the disks have the state before or the one asked for (launcher/keeper/chain-file.h). */
#pragma once

#include "launcher/keeper/chain-file.h"
#include "launcher/virt/snapshot.h"

struct sv_disks {
        struct sv_chains *chains;
        struct sv_virt *virt;
        bool by_fd; /* QEMU gets open files, and opens none by name */
        struct sv_disk_watch watch;
};

/* The state of all disks that are written now, under a name. SV_USAGE "snapshot.exists",
 * "snapshot.name", "snapshot.limit", "snapshot.kind" (no disk is a file that is written);
 * SV_SYSTEM "snapshot.room". */
int sv_snapshot_create(struct sv_disks *d, const char *name, struct sv_err *err);
/* The disks are as they were then; what was written since is gone. Only while it does not run:
 * SV_USAGE "snapshot.running". "snapshot.absent", "snapshot.merging", and those of
 * sv_chains_take. */
int sv_snapshot_revert(struct sv_disks *d, const char *name, struct sv_err *err);
/* The name and the state are no more; later states stay. Takes as long as it takes to copy what was
 * written after it. "snapshot.absent", "snapshot.cancelled", "snapshot.job": then a second time
 * goes on. */
int sv_snapshot_delete(struct sv_disks *d, const char *name, struct sv_err *err);
/* All snapshots are no more: the newest state is in the disk's own file. "snapshot.none"; as above.
 */
int sv_snapshot_flatten(struct sv_disks *d, struct sv_err *err);
/* For a running guest whose process was ended inside a change: what QEMU has is what is. */
int sv_snapshot_settle(struct sv_disks *d, struct sv_err *err);

/* snapshot-merge.c: write a layer, which no QEMU has, into the one it leans on. */
int sv_layer_merge(struct sv_chains *c, size_t disk, size_t child, struct sv_err *err);
/* What a frozen layer holds, in a new qcow2 of its own. SV_SYSTEM "backup.copy". */
int sv_layer_copy(struct sv_chains *c, size_t disk, size_t layer, const char *to,
                  struct sv_err *err);
/* In the header of the layer's file the one it leans on now, for other tools: the chain says it in
 * any case. */
void sv_layer_rename_backing(struct sv_chains *c, size_t disk, size_t layer);
/* What was written to the layer's file is on the disk. */
int sv_layer_sync(struct sv_chains *c, size_t disk, size_t layer, struct sv_err *err);
