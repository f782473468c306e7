/* SPDX-License-Identifier: Apache-2.0 */
/* A root disk that the host cannot change unseen: a file system, and behind it the hash tree of
 * dm-verity.
 *
 *      0                 file system, whole blocks of 4096 bytes
 *      tree - 4096       dm-verity's superblock, for other tools; our guests do not read it
 *      tree              the tree, its upper level first
 */
#pragma once

#include <stdbool.h>

#include "base/core/verity.h"
#include "image/disk.h"

struct sv_verity_in {
        const char *from;
        const struct sv_source *source; /* of SV_DISK_SOURCE, in place of `from` */
        enum sv_disk_from kind;
        uint64_t size; /* of the file system, for a directory or a tar; 0: as large as needed */
        const char *out;
        bool replace;                 /* an image that is there may be replaced */
        const uint8_t *salt;          /* 32 bytes; NULL: random */
        struct sv_progress *progress; /* of the contents, and then of the tree; may be NULL */
};

/* The image gets its name when it is whole and was read back as a guest will read it. All or
 * nothing: on failure no file is left. What sv_superblock_read refuses, SV_FORMAT
 * "image.verity.short" when the file system is larger than the image, and what the steps say. */
int sv_verity_make(const struct sv_verity_in *in, struct sv_verity *out, struct sv_err *err);
