/* SPDX-License-Identifier: Apache-2.0 */
/* The file system of a disk: made of a folder, or found in a raw image. */
#pragma once

#include <stdint.h>

#include "base/core/source.h"

enum sv_filesystem {
        SV_EXT4,
        SV_BTRFS, /* SHA-256 checksums of data and metadata: what is old does not fit together */
};

/* "ext4" or "btrfs"; NULL is ext4. SV_USAGE "image.filesystem". */
int sv_filesystem_parse(const char *name, enum sv_filesystem *out, struct sv_err *err);
/* Of `dir`, in the file `fd` from `at` on (btrfs: at is 0), `size` bytes. `state` is what fakeroot
 * remembered of the unpacking; NULL: owners as they are. SV_SYSTEM "image.filesystem", SV_USAGE
 * "image.size" when it is too small for any. */
int sv_filesystem_make(enum sv_filesystem type, const char *dir, const char *state, int fd,
                       uint64_t at, uint64_t size, struct sv_err *err);
/* Could the file system of these bytes be mounted from a device with sectors of 4096 bytes?
 * SV_USAGE "image.block-size". One that is not known here is let through. */
int sv_filesystem_check_blocks(const struct sv_source *s, struct sv_err *err);
