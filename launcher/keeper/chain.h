/* SPDX-License-Identifier: Apache-2.0 */
/* The copies in one backup's folder: the first in the folder itself, each later one in a folder
 * 1, 2, ... in it. A copy has all of the disks, or what changed since the one before it, whose
 * copies.json it names by its SHA-256. So the disks as of copy N are the last whole one up to N,
 * and the changes of each after it:
 *
 *   B/copies.json, B/root.raw        all
 *   B/1/copies.json, B/1/root.qcow2  what changed since B
 *   B/2/copies.json, B/2/root.qcow2  what changed since B/1
 *
 * Nothing of an earlier copy is written to when a later one is made. Read with this process's
 * rights. */
#pragma once

#include "base/core/source.h"
#include "launcher/keeper/saved.h"

struct sv_link {
        char *path;
        struct sv_saved set;
        char digest[65]; /* of its copies.json */
};

struct sv_chain {
        struct sv_link *links;
        size_t n;
};
void sv_chain_free(struct sv_chain *c);
#define SV_CHAIN __attribute__((cleanup(sv_chain_free))) struct sv_chain

#define SV_CHAIN_ALL SIZE_MAX

/* The copies 0 to `last`. SV_SYSTEM "copies.absent", "copies.read", SV_FORMAT "copies.format";
 * SV_PROOF "backup.chain" when one is missing, or was not made after the one before it; SV_USAGE
 * "backup.number" when there is no copy `last`. */
int sv_chain_read(const char *folder, size_t last, struct sv_chain *out, struct sv_err *err);
/* The last one of them that has everything. */
size_t sv_chain_base(const struct sv_chain *c);
/* Each file is there with the bytes that were copied: SV_PROOF "copies.changed"; SV_FORMAT
 * "backup.digest" where copies.json has no digests, a snapshot's. */
int sv_chain_check(const struct sv_chain *c, struct sv_progress *progress, struct sv_err *err);
/* The same without the digests, of the files that a copy of what changed since would need: each is
 * there with its length. */
int sv_chain_look(const struct sv_chain *c, struct sv_err *err);
/* The changes after the base, in a file that has the base's bytes. As sv_chain_check. */
int sv_chain_apply(const struct sv_chain *c, const char *id, int to, struct sv_err *err);
/* And in the first `n` bytes of the disk; the digests are not looked at. */
int sv_chain_apply_head(const struct sv_chain *c, const char *id, uint8_t *head, size_t n,
                        struct sv_err *err);
