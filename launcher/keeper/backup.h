/* SPDX-License-Identifier: Apache-2.0 */
/* A backup that is there: a folder of copies (launcher/keeper/saved.h) with their digests, read
 * with this process's rights. Disks stay encrypted: no key is needed. */
#pragma once

#include "base/core/source.h"
#include "launcher/keeper/saved.h"

/* SV_SYSTEM "copies.absent", "copies.read", SV_FORMAT "copies.format". */
int sv_backup_read(const char *folder, struct sv_saved *out, struct sv_err *err);
/* And each file is there with the bytes that were copied: SV_PROOF "copies.changed"; SV_FORMAT
 * "backup.digest" where copies.json has no digests, a snapshot's. */
int sv_backup_check(const char *folder, struct sv_saved *out, struct sv_progress *progress,
                    struct sv_err *err);
