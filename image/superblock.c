/* SPDX-License-Identifier: Apache-2.0 */
#include "image/superblock.h"

#include "base/core/rd.h"

#define SUPERBLOCK 1024

#define EXT4_MAGIC        0xef53
#define EXT4_LOG_BLOCK    0x18    /* log2 of the size / 1024 */
#define EXT4_RECOVER      0x0004u /* incompatible features */
#define EXT4_JOURNAL_DEV  0x0008u
#define EXT4_64BIT        0x0080u
#define EXT4_STATE_ERRORS 0x0002u

#define EROFS_MAGIC        0xe0f5e1e2u
#define EROFS_DEVICE_TABLE 0x0008u /* incompatible: parts of it are on other devices */

static uint32_t u32_at(struct sv_bytes head, size_t at)
{
        struct sv_rd r = sv_rd(head);

        sv_rd_seek(&r, SUPERBLOCK + at);
        return sv_rd_u32le(&r);
}

static uint32_t u16_at(struct sv_bytes head, size_t at)
{
        return u32_at(head, at) & 0xffff;
}

static int fail_filesystem(struct sv_err *err, const char *what)
{
        return sv_fail(err, SV_FORMAT, "image.verity.filesystem", "%s", what);
}

static int read_ext4(struct sv_bytes head, struct sv_superblock *fs, struct sv_err *err)
{
        uint32_t shift = u32_at(head, EXT4_LOG_BLOCK), features = u32_at(head, 0x60);
        uint64_t high = features & EXT4_64BIT ? u32_at(head, 0x150) : 0;

        if (features & EXT4_JOURNAL_DEV)
                return fail_filesystem(err, "the image is the journal of another ext4");
        if (shift > 2)
                return fail_filesystem(err, "the ext4 has blocks of more than 4096 bytes, which no "
                                            "guest can mount");
        if (features & EXT4_RECOVER)
                return sv_fail(err, SV_USAGE, "image.verity.recovery",
                               "the ext4 was not unmounted and its journal has to be replayed, "
                               "which nobody can do on a verity disk: shut its machine down "
                               "cleanly, or run e2fsck on a copy");
        if (u16_at(head, 0x3a) & EXT4_STATE_ERRORS)
                return sv_fail(err, SV_USAGE, "image.verity.recovery",
                               "the ext4 says that it has errors: run e2fsck on a copy");
        *fs = (struct sv_superblock){.type = "ext4", .block = 1024u << shift};
        fs->size = (high << 32 | u32_at(head, 0x04)) * fs->block;
        return high >> 16 ? fail_filesystem(err, "the ext4 is absurdly large") : 0;
}

static int read_erofs(struct sv_bytes head, struct sv_superblock *fs, struct sv_err *err)
{
        uint32_t shift = u32_at(head, 0x0c) & 0xff;

        if (u32_at(head, 0x50) & EROFS_DEVICE_TABLE)
                return fail_filesystem(err, "parts of the erofs are in other images");
        if (shift < 10 || shift > 12)
                return fail_filesystem(err, "the erofs has blocks of other sizes than 1024, 2048 "
                                            "or 4096 bytes");
        *fs = (struct sv_superblock){.type = "erofs", .block = 1u << shift};
        fs->size = (uint64_t)u32_at(head, 0x24) << shift;
        return 0;
}

bool sv_superblock_is_ext(struct sv_bytes head, uint64_t *block)
{
        uint32_t shift = u32_at(head, EXT4_LOG_BLOCK);

        *block = shift < 16 ? 1024ull << shift : 0;
        return head.n >= SV_SUPERBLOCK_HEAD && u16_at(head, 0x38) == EXT4_MAGIC;
}

int sv_superblock_read(struct sv_bytes head, struct sv_superblock *out, struct sv_err *err)
{
        struct sv_superblock fs;
        uint64_t block;
        int r;

        if (sv_superblock_is_ext(head, &block))
                r = read_ext4(head, &fs, err);
        else if (head.n >= SV_SUPERBLOCK_HEAD && u32_at(head, 0) == EROFS_MAGIC)
                r = read_erofs(head, &fs, err);
        else
                return fail_filesystem(err,
                                       "expected an ext4 or erofs from the image's first byte on, "
                                       "found neither: of a disk with partitions take the root's");
        if (r == 0)
                *out = fs;
        return r;
}
