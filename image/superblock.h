/* SPDX-License-Identifier: Apache-2.0 */
/* What file system an image holds, by its superblock: ext4 (Linux: fs/ext4/ext4.h, struct
 * ext4_super_block) or erofs (fs/erofs/erofs_fs.h, struct erofs_super_block), both at byte 1024.
 * Pure. */
#pragma once

#include <stdint.h>

#include "base/core/bytes.h"

#define SV_SUPERBLOCK_HEAD 2048 /* bytes from the image's beginning that are looked at */

struct sv_superblock {
        char type[8];   /* "ext4" (also ext2 and ext3, which the kernel's ext4 mounts) or "erofs" */
        uint32_t block; /* bytes: 1024, 2048 or 4096 */
        uint64_t size;  /* bytes that it takes of the image */
};

/* Is it an ext2, ext3 or ext4? *block: the bytes of its blocks, 0 when it says a size that none can
 * have. `head`: SV_SUPERBLOCK_HEAD bytes. */
bool sv_superblock_is_ext(struct sv_bytes head, uint64_t *block);
/* `head` as above. For a disk that nobody can write to: SV_FORMAT
 * "image.verity.filesystem" when it is neither, or one that a guest cannot mount; SV_USAGE
 * "image.verity.recovery" when an ext4 was not unmounted and would have to be written to first. */
int sv_superblock_read(struct sv_bytes head, struct sv_superblock *out, struct sv_err *err);
