/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with a copy of a guest's disks as they were at one moment: ID.qcow2 for each disk that
 * the guest writes to, with nothing behind it, and backup.json, which is written last:
 *
 *   {"version":1,"guest":"web","made":"2026-01-31T12:00:00Z",
 *    "disks":[{"id":"root","file":"root.qcow2","bytes":N,"sha256":"…"}]}
 *
 * Disks stay encrypted: no key is needed. */
#pragma once

#include "guest/guest.h"

/* The snapshot that a backup copies, and takes away again; what a killed one has left is taken away
 * by the next. */
#define SV_BACKUP_SNAPSHOT "backup-at-work"

/* Can `dir` become a backup? SV_USAGE "backup.exists" when it is there and not empty. */
int sv_disk_backup_prepare(const char *dir, struct sv_err *err);
/* Copies what that snapshot holds of the guest's disks; reads only what is frozen. SV_SYSTEM
 * "backup.copy", those of launcher/keeper/chain-file.h. *manifest is what backup.json says. */
int sv_disk_backup_write(const struct sv_guest *g, const char *snapshot, const char *dir,
                         struct sv_json **manifest, struct sv_err *err);
/* Is it whole and as it was made? SV_FORMAT "backup.manifest", SV_SYSTEM "backup.incomplete" (a
 * backup that was not finished), SV_PROOF "backup.digest". */
int sv_disk_backup_verify(const char *dir, struct sv_json **manifest, struct sv_err *err);
/* The disks of the guest file, which does not run, become what a verified backup has: each under
 * its name when all of it is there. SV_USAGE "backup.disk" for one that the guest has not or that
 * has snapshots, "backup.there" for one that is there, unless `replace`. */
int sv_disk_backup_restore(const struct sv_guest *g, const char *dir,
                           const struct sv_json *manifest, bool replace, struct sv_err *err);
