/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/xfs.h"

#define HEAD 512 /* bytes of a superblock that are looked at */

#define V4_FTYPE  0x200u  /* in features2 */
#define V4_DIR2   0x2000u /* in the version */
#define V5_FTYPE  0x1u    /* incompatible features */
#define V5_REPAIR 0x10u
/* sparse inodes, a UUID of its own for metadata, times and counters of 64 bits, exchange, parents
 */
#define V5_KNOWN  (V5_FTYPE | 0x2u | 0x4u | 0x8u | 0x20u | 0x40u | 0x80u)

int sv_xfs_fail(struct sv_err *err, const char *what, uint64_t where)
{
        return sv_fail(err, SV_FORMAT, "import.xfs", "the XFS is damaged: %s (at %llu)", what,
                       (unsigned long long)where);
}

int sv_xfs_place(const struct sv_xfs *x, uint64_t block, uint64_t count, uint64_t *out,
                 struct sv_err *err)
{
        uint64_t group = block >> x->group_log, at = block & ((1ull << x->group_log) - 1);

        if (group >= x->groups || at >= x->group_blocks || count > x->group_blocks - at ||
            group * x->group_blocks + at + count > x->blocks)
                return sv_xfs_fail(err, "a block beyond its group's end", block);
        *out = (group * x->group_blocks + at) * x->block;
        return 0;
}

static int fail_feature(struct sv_err *err, const char *what, uint64_t number)
{
        return sv_fail(err, SV_USAGE, "import.xfs.feature",
                       "the XFS has %s (%llx), which is not read: copy what it holds, and give it "
                       "to \"image encrypt --from\"",
                       what, (unsigned long long)number);
}

static int check_features(struct sv_xfs *x, uint8_t *head, struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(head, HEAD));
        uint32_t more, incompatible;
        uint16_t version;

        sv_rd_seek(&r, 100);
        version = sv_rd_u16be(&r);
        sv_rd_seek(&r, 200);
        more = sv_rd_u32be(&r);
        sv_rd_seek(&r, 216);
        incompatible = sv_rd_u32be(&r);
        x->v5 = (version & 0xf) == 5;
        if (!x->v5 && ((version & 0xf) != 4 || !(version & V4_DIR2)))
                return fail_feature(err, "a version of long ago", version);
        x->ftype = x->v5 ? incompatible & V5_FTYPE : more & V4_FTYPE;
        if (x->v5 && incompatible & V5_REPAIR)
                return sv_fail(err, SV_USAGE, "import.xfs.unclean",
                               "the XFS says that it needs xfs_repair: run it on a copy");
        if (x->v5 && incompatible & ~V5_KNOWN)
                return fail_feature(err, "features that are not known", incompatible & ~V5_KNOWN);
        return 0;
}

static bool is_power(uint64_t value, unsigned log)
{
        return log < 32 && value == 1ull << log;
}

/* Numbers that say the same twice do so, and none is beyond what mkfs.xfs makes. */
static int check_xfs_sizes(struct sv_xfs *x, uint8_t *head, struct sv_err *err)
{
        const uint8_t block_log = head[120], inode_log = head[122], group_log = head[124],
                      dir_log = head[192];

        x->inodes_log = head[123];
        x->group_log = group_log;
        if (!is_power(x->block, block_log) || !is_power(x->inode_size, inode_log) ||
            x->block < 512 || x->block > 65536 || x->inode_size < 256 ||
            x->inode_size > sizeof(((struct sv_xfs_inode *)0)->raw) ||
            x->inodes_log + inode_log != block_log || dir_log > 7 ||
            (uint64_t)x->block << dir_log > 65536)
                return sv_xfs_fail(err, "sizes of blocks and inodes that do not fit each other", 0);
        x->dirblock = x->block << dir_log;
        if (!x->group_blocks || group_log >= 32 || x->group_blocks > 1ull << group_log ||
            !x->groups || x->blocks > (uint64_t)x->groups * x->group_blocks)
                return sv_xfs_fail(err, "groups that do not hold its blocks", x->groups);
        if (x->block > SV_SOURCE_BLOCK)
                return fail_feature(err, "blocks of more than 4096 bytes, here in hex", x->block);
        if (x->blocks > x->part.size / x->block)
                return sv_fail(err, SV_FORMAT, "import.xfs.short",
                               "the XFS has %llu blocks of %u bytes, and there is room for %llu "
                               "bytes: the image was cut short",
                               (unsigned long long)x->blocks, x->block,
                               (unsigned long long)x->part.size);
        return 0;
}

int sv_xfs_read_super(struct sv_xfs *x, struct sv_err *err)
{
        uint8_t head[HEAD];
        struct sv_rd r = sv_rd(sv_bytes(head, sizeof(head)));

        if (x->part.size < sizeof(head))
                return sv_xfs_fail(err, "too short for its superblock", x->part.size);
        if (x->part.read(&x->part, 0, head, sizeof(head), err) < 0)
                return -1;
        if (memcmp(head, "XFSB", 4) != 0)
                return sv_xfs_fail(err, "no superblock", 0);
        sv_rd_seek(&r, 4);
        x->block = sv_rd_u32be(&r);
        x->blocks = sv_rd_u64be(&r);
        sv_rd_seek(&r, 48);
        x->log_start = sv_rd_u64be(&r);
        x->root = sv_rd_u64be(&r);
        sv_rd_seek(&r, 84);
        x->group_blocks = sv_rd_u32be(&r);
        x->groups = sv_rd_u32be(&r);
        sv_rd_seek(&r, 96);
        x->log_blocks = sv_rd_u32be(&r);
        sv_rd_seek(&r, 104);
        x->inode_size = sv_rd_u16be(&r);
        if (check_features(x, head, err) < 0)
                return -1;
        return check_xfs_sizes(x, head, err);
}
