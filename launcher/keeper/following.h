/* SPDX-License-Identifier: Apache-2.0 */
/* A backup that goes on in a folder (launcher/keeper/chain.h): what is there, what QEMU knows of
 * the changes since, and what of it is to be kept for the next one:
 *
 *   QEMU's bitmaps        in the folder                 who comes next
 *   OLD                   link N with OLD               copies what OLD says
 *   OLD, NEW              link N with OLD, .N+1.unf...  the same; NEW is of no copy, and gone in
 * time OLD, NEW              link N+1 with NEW             copies what NEW says; removes OLD none,
 * or others       link N with OLD               copies everything
 *
 * A snapshot, or a backup without it, goes through here with nothing to follow. */
#pragma once

#include "launcher/keeper/chain.h"
#include "launcher/keeper/copy-task.h"
#include "launcher/keeper/copying.h"

struct sv_following {
        struct sv_chain chain;       /* what is there; n is 0 when nothing is */
        char path[SV_PATH_MAX + 24]; /* of the new copy */
        enum sv_whole whole;         /* why it has everything */
        /* of one that runs */
        struct sv_quiesce *quiesce; /* or NULL; the caller's */
        struct sv_bitmaps bitmaps;
        size_t disks[SV_GUEST_DISKS_MAX];
        uint64_t sizes[SV_GUEST_DISKS_MAX], changed[SV_GUEST_DISKS_MAX];
        char next[SV_BITMAP_NAME_SIZE];
};
void sv_following_free(struct sv_following *f);
#define SV_FOLLOWING __attribute__((cleanup(sv_following_free))) struct sv_following

/* Locks the site (sv_revert_enter), and looks at the folder. `whole`: why there will be everything,
 * if that is known already. SV_USAGE "backup.guest" (the folder has another guest's),
 * "backup.limit"; those of sv_chain_read. */
int sv_following_begin(struct sv_site *p, const struct sv_copy_task *t, enum sv_whole whole,
                       struct sv_following *f, struct sv_err *err);
/* What QEMU knows; what a killed command left it to do ends. Where only what changed is to be
 * copied the files before it must be there: SV_SYSTEM "copies.absent", SV_PROOF "copies.changed".
 */
int sv_following_look(struct sv_following *f, struct sv_virt *v, const struct sv_site *p,
                      struct sv_err *err);
/* Begins the new copy. */
int sv_following_open(const struct sv_following *f, const struct sv_site *p,
                      const struct sv_copy_task *t, struct sv_copying *out, struct sv_err *err);
/* Before everything is copied: what changes from here on is noted. */
int sv_following_mark(struct sv_following *f, struct sv_virt *v, struct sv_err *err);
/* The changes; *begun: QEMU had begun. */
int sv_following_fill(struct sv_following *f, const struct sv_copy_running *r, struct sv_copying *c,
                      bool *begun, struct sv_err *err);
/* Keeps the bitmap of the new copy when it is `there`, or those that were. */
void sv_following_end(struct sv_following *f, struct sv_virt *v, bool there);
