/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken for a file system has a type and a size of block that a guest can have. */
#include <stdlib.h>
#include <string.h>

#include "image/superblock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_superblock fs = {.block = 1};

        if (sv_superblock_read(sv_bytes(data, size), &fs, &err) < 0) {
                if (strncmp(err.check, "image.verity.", 13) || fs.block != 1)
                        abort();
                return 0;
        }
        if (size < SV_SUPERBLOCK_HEAD || fs.size >> 60 || fs.size % fs.block ||
            (fs.block != 1024 && fs.block != 2048 && fs.block != 4096) ||
            (strcmp(fs.type, "ext4") && strcmp(fs.type, "erofs")))
                abort();
        return 0;
}
