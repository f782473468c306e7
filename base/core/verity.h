/* SPDX-License-Identifier: Apache-2.0 */
/* What dm-verity must be told of a disk, as one word of text:
 *
 *      ext4:sha256:4096:4096:66560:272633856:SALT:ROOT
 *
 * file system; hash; bytes of a block of data, of the tree; blocks of data; where the tree begins,
 * in bytes; salt and root hash, 64 hex digits each. "image verity" writes it, the guest file has
 * it, and the measured command line takes it to the agent, which believes nothing else: what the
 * disk says of itself (dm-verity's superblock) is the host's. There is one way to write each. Pure.
 */
#pragma once

#include "base/core/buf.h"

#define SV_VERITY_HASH       "sha256"
#define SV_VERITY_HASH_BLOCK 4096u

struct sv_verity {
        char type[8];        /* the file system: "ext4" or "erofs" */
        uint32_t data_block; /* bytes: 1024, 2048 or 4096 */
        uint64_t data_blocks;
        uint64_t tree; /* where the hash tree begins, in bytes; behind the data */
        uint8_t salt[32];
        uint8_t root[32];
};

/* SV_USAGE "verity.form", "verity.type", "verity.hash", "verity.block-size", "verity.blocks",
 * "verity.tree", "verity.digest". */
int sv_verity_parse(struct sv_bytes text, struct sv_verity *out, struct sv_err *err);
void sv_verity_put(const struct sv_verity *v, struct sv_buf *out);
/* Bytes of data. */
uint64_t sv_verity_data_size(const struct sv_verity *v);
/* Bytes from the disk's beginning to the tree's end. */
uint64_t sv_verity_end(const struct sv_verity *v);
