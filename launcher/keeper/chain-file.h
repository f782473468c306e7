/* SPDX-License-Identifier: Apache-2.0 */
/* The chains of a guest's disks (launcher/keeper/chain.h) on the host's disk. Everything is done
 * with the rights of whose the guest file is (launcher/keeper/owner.h).
 *
 * A change is: the new layers are made, each chain.json says where it goes ("next"); then QEMU, or
 * nobody, changes what it writes to; then each chain.json says that it is there ("now"); then files
 * that belong to no layer go. Killed between any two of these, the next one who takes the disks
 * with the guest's lock (sv_chains_take) finds the state before or the state after, on all of the
 * guest's disks. */
#pragma once

#include "guest/guest.h"
#include "launcher/keeper/chain.h"
#include "launcher/virt/domain.h"

struct sv_disk_chain {
        char *path;   /* of the disk's own file, without links; NULL: a disk that has no chain */
        char *folder; /* PATH.snapshots */
        struct sv_chain chain;
};

/* One for each disk of the guest, in its order. */
struct sv_chains {
        const struct sv_guest *guest;
        struct sv_disk_chain disks[SV_GUEST_DISKS_MAX];
};
void sv_chains_free(struct sv_chains *c);
#define SV_CHAINS __attribute__((cleanup(sv_chains_free))) struct sv_chains

/* As they stand there, to look at. Read-only disks and those that are no files have no chain.
 * Errors of sv_chain_parse; SV_SYSTEM "snapshot.chain" when one cannot be read. */
int sv_chains_read(const struct sv_guest *g, struct sv_chains *out, struct sv_err *err);
/* The same by who acts for the guest, while none of its disks is in use: what was begun is settled,
 * and what the guest would open is looked at. SV_SYSTEM "snapshot.layer" for a file that is not
 * there or no layer, SV_PROOF "snapshot.changed" for one that was changed since it was frozen. */
int sv_chains_take(const struct sv_guest *g, struct sv_chains *out, struct sv_err *err);
/* Has any disk a snapshot, or is on the way? */
bool sv_chains_are_plain(const struct sv_chains *c);

/* Of each disk with a chain: chain.next, made by the caller from chain.now, is what comes. Makes
 * the files of its new layers and writes that down. Nothing has changed on failure. */
int sv_chains_begin(struct sv_chains *c, bool creating, struct sv_err *err);
/* It has come: `next` is `now`. */
int sv_chains_commit(struct sv_chains *c, struct sv_err *err);
/* Whether it has, its files tell: what was begun is done or undone, on all disks. */
int sv_chains_settle(struct sv_chains *c, struct sv_err *err);
/* It has not, and will not. */
void sv_chains_undo(struct sv_chains *c);
/* One disk's chain as the caller has changed it (`now`), and files of no layer go. */
int sv_chain_write(struct sv_chains *c, size_t disk, struct sv_err *err);
/* What sv_chain_write would write for `after`, beside the chain and on the disk; and its place
 * taken by that: a name changes, and no room is needed. */
int sv_chain_prepare(struct sv_chains *c, size_t disk, const struct sv_tree *after,
                     struct sv_err *err);
int sv_chain_switch(struct sv_chains *c, size_t disk, const struct sv_tree *after,
                    struct sv_err *err);
/* Is what this layer leans on as it was left? Errors of sv_chains_take. */
int sv_chain_check(struct sv_chains *c, size_t disk, size_t layer, struct sv_err *err);

/* The layer's file; the caller frees. */
char *sv_layer_path(const struct sv_disk_chain *d, size_t layer);
/* From the active layer down, appended; the caller frees. */
void sv_chain_files(const struct sv_disk_chain *d, size_t disk, struct sv_disk_files *out);
void sv_chain_free_files(struct sv_disk_files *f);
/* The same for all disks. */
void sv_chains_files(const struct sv_chains *c, struct sv_disk_files out[SV_GUEST_DISKS_MAX]);
void sv_chains_free_files(struct sv_disk_files files[SV_GUEST_DISKS_MAX]);
