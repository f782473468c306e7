/* SPDX-License-Identifier: Apache-2.0 */
/* dm-integrity as it lies under a LUKS2 volume with authenticated encryption (Linux
 * Documentation/admin-guide/device-mapper/dm-integrity.rst; drivers/md/dm-integrity.c): the format,
 * pure. From SV_LUKS_DATA_OFFSET on, in sectors of 512 bytes:
 *
 *      superblock   8 sectors
 *      journal      sections of 264 sectors: 8 of entries, 32 blocks of data
 *      areas        each 256 sectors of tags, and then the data that they are of, 32768 sectors
 *                   (the last one has fewer)
 *
 * Data are blocks of 4096 bytes, a tag has 32. The superblock is not authenticated: it comes from
 * the host. So the LUKS2 header, which the disk's key is bound to, has the size of the data, and
 * from that everything else follows. */
#pragma once

#include "base/core/bytes.h"
#include "base/core/err.h"

#define SV_INTEGRITY_BLOCK      4096u
#define SV_INTEGRITY_TAG        32u
#define SV_INTEGRITY_SUPERBLOCK 4096u
#define SV_INTEGRITY_AREA       4096u /* blocks of an area */

struct sv_integrity {
        uint32_t sections; /* of the journal */
        uint64_t blocks;   /* of data */
};

/* The layout for so many blocks of data, and the size of an image with it, from the LUKS2 header to
 * its end. */
uint64_t sv_integrity_for(uint64_t blocks, struct sv_integrity *out);
/* Blocks of data in an image of `size` bytes; 0 when there is room for none. */
uint64_t sv_integrity_room(uint64_t size);

/* SV_INTEGRITY_SUPERBLOCK bytes. */
void sv_integrity_superblock(const struct sv_integrity *i, uint8_t *out);
/* Is it the one of a disk of so many blocks? SV_PROOF "disk.superblock". */
int sv_integrity_check(struct sv_bytes superblock, uint64_t blocks, struct sv_err *err);

/* Bytes of the journal, and one sector of 512 bytes of it, clean. */
uint64_t sv_integrity_journal_size(const struct sv_integrity *i);
void sv_integrity_journal_sector(uint64_t n, uint8_t *out);

/* Where in the image block n of the data lies, and the tag of the first block of area `area`. */
uint64_t sv_integrity_data_at(const struct sv_integrity *i, uint64_t n);
uint64_t sv_integrity_tags_at(const struct sv_integrity *i, uint64_t area);
