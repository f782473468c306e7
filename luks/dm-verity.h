/* SPDX-License-Identifier: Apache-2.0 */
/* dm-verity through libcryptsetup: the tree is made in user space, without root; the guest opens
 * the disk by the parameters that it was measured with, and never by the superblock on the disk. */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"
#include "base/core/verity.h"

/* The superblock is for other tools; it lies between data and tree. */
#define SV_VERITY_SUPERBLOCK 4096u

/* Writes the tree over the data in the file `path`, and dm-verity's superblock in front of it: at
 * v->tree - SV_VERITY_SUPERBLOCK. Sets v->root. Equal data and salt give equal bytes. SV_SYSTEM
 * "verity.create". */
int sv_dm_verity_create(const char *path, struct sv_verity *v, struct sv_err *err);
/* Reads all of it, as a guest would: SV_PROOF "verity.block" when a block is not the one of `v`. */
int sv_dm_verity_try(const char *path, const struct sv_verity *v, struct sv_err *err);
/* Makes /dev/mapper/<name> from `device`, to read only. Each block is verified each time that it is
 * read from the disk, so nothing is known of it yet. SV_SYSTEM "verity.open". */
int sv_dm_verity_open(const char *device, const char *name, const struct sv_verity *v,
                      struct sv_err *err);
/* Has the kernel seen a wrong block of it since? */
bool sv_dm_verity_is_corrupt(const char *name);
