/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's disks become what a folder of copies holds: of a snapshot, or of a backup. It does not
 * run. Each disk's file is made beside it (DISK.reverting) and takes its name when all are whole
 * and on the medium, so each is the old or the new one. With several disks a journal,
 * DISK.snapshots/.revert.json beside the first, says whether the new names are being given:
 *
 *   state       on the disk                             who comes next (sv_revert_enter)
 *   "copying"   all disks old; some .reverting          takes the .reverting away: old
 *   "renaming"  all .reverting whole; some disks new    gives the rest their names: new
 *   none        no .reverting                           nothing
 *
 * One disk has no "renaming": its one new name is the whole change. A .reverting that no journal of
 * the guest's own names is of another guest file with the same disk: nobody launches from it. */
#pragma once

#include "base/core/source.h"
#include "launcher/keeper/chain.h"
#include "launcher/keeper/site.h"

/* The site is locked. The copies in `folder` are read with the owner's rights, with `own` with
 * this process's. Before anything changes: "copies.format", SV_SYSTEM "copies.absent" and
 * "copies.read", SV_PROOF "copies.changed" (other bytes than were copied), SV_USAGE
 * "snapshot.disks" (of other disks than the guest has), "image.busy", "snapshot.links"; with
 * `may_miss` a disk may be missing, and with it SV_USAGE "backup.there" unless `replace`. */
struct sv_revert {
        const struct sv_site *site;
        const char *folder;
        const struct sv_chain *changes; /* whose base is in `folder`; NULL: none */
        bool own, may_miss, replace;
        bool other_key; /* also when the disk got another key since: SV_USAGE "snapshot.key" */
        struct sv_progress *progress; /* or NULL */
};
int sv_revert_disks(const struct sv_revert *r, struct sv_err *err);
/* Locks the site; what a killed command has left is brought to its end or taken away. SV_SYSTEM
 * "snapshot.unfinished" when that is not to be told, or a disk was written to meanwhile. */
int sv_revert_enter(struct sv_site *p, struct sv_err *err);
/* For a launch, whose guest is locked: are the disks whole? As sv_revert_enter when a killed revert
 * has left something, else nothing happens. */
int sv_revert_check(const struct sv_guest *g, struct sv_err *err);
