/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/import/xfs.h"

#define LEVELS_MAX 9 /* of a tree of extents (XFS_BTREE_MAXLEVELS) */
#define REALTIME   0x1u
#define MANY       0x10u /* in flags2: counters of extents have 64 and 32 bits */

static int parse_inode(const struct sv_xfs *x, uint64_t ino, struct sv_xfs_inode *i,
                       struct sv_err *err)
{
        const size_t core = i->raw[4] == 3 ? 176 : 100;
        struct sv_rd r = sv_rd(sv_bytes(i->raw, x->inode_size));
        size_t attributes = (size_t)i->raw[82] * 8;
        uint16_t flags;

        sv_rd_seek(&r, 2);
        i->mode = sv_rd_u16be(&r);
        i->format = i->raw[5];
        sv_rd_seek(&r, 56);
        i->size = sv_rd_u64be(&r);
        sv_rd_seek(&r, 76);
        i->extents = sv_rd_u32be(&r);
        sv_rd_seek(&r, 90);
        flags = sv_rd_u16be(&r);
        if (core == 176 && i->raw[127] & MANY) {
                sv_rd_seek(&r, 24);
                i->extents = sv_rd_u64be(&r);
        }
        if (memcmp(i->raw, "IN", 2) != 0 || !i->mode || i->size >> 63)
                return sv_xfs_fail(err, "no inode where one is named", ino);
        if (flags & REALTIME)
                return sv_fail(err, SV_USAGE, "import.xfs.feature",
                               "the XFS has a file on a realtime device, which is not there");
        i->fork = core;
        i->fork_size = x->inode_size - core;
        if (attributes > i->fork_size)
                return sv_xfs_fail(err, "an inode whose parts overlap", ino);
        i->fork_size = attributes ? attributes : i->fork_size;
        return 0;
}

int sv_xfs_read_inode(struct sv_xfs *x, uint64_t ino, struct sv_xfs_inode *out, struct sv_err *err)
{
        uint64_t place, slot = ino & ((1ull << x->inodes_log) - 1);

        if (sv_xfs_place(x, ino >> x->inodes_log, 1, &place, err) < 0 ||
            x->part.read(&x->part, place + slot * x->inode_size, out->raw, x->inode_size, err) < 0)
                return -1;
        return parse_inode(x, ino, out, err);
}

/* --- extents --- */

static int add_extent(struct sv_xfs *x, struct sv_rd *r, struct sv_err *err)
{
        uint64_t high = sv_rd_u64be(r), low = sv_rd_u64be(r), end = 0, place;
        const struct sv_xfs_extent e = {.at = high << 1 >> 10,
                                        .block = (high & 0x1ff) << 43 | low >> 21,
                                        .count = low & 0x1fffff,
                                        .unwritten = high >> 63};

        if (x->n_map)
                end = x->map[x->n_map - 1].at + x->map[x->n_map - 1].count;
        if (r->bad || !e.count || e.at < end)
                return sv_xfs_fail(err, "extents of a file that are out of order", e.at);
        if (sv_xfs_place(x, e.block, e.count, &place, err) < 0)
                return -1;
        if (x->n_map == SV_XFS_EXTENTS_MAX)
                return sv_xfs_fail(err, "a file of absurdly many extents", x->n_map);
        if (x->n_map == x->room) {
                size_t room = x->room ? x->room * 2 : 64;
                struct sv_xfs_extent *more = reallocarray(x->map, room, sizeof(*more));

                if (!more)
                        return sv_fail_errno(err, "base.memory", "no memory for a file's extents");
                x->map = more;
                x->room = room;
        }
        x->map[x->n_map++] = e;
        return 0;
}

static int add_extents(struct sv_xfs *x, struct sv_rd *r, uint64_t n, struct sv_err *err)
{
        for (uint64_t i = 0; i < n; i++)
                if (add_extent(x, r, err) < 0)
                        return -1;
        return 0;
}

static int walk_pointers(struct sv_xfs *x, struct sv_rd r, unsigned n, unsigned level,
                         struct sv_err *err);

/* Each level is one below the one that names it, and no block is empty: so this ends. */
static int walk_block(struct sv_xfs *x, uint64_t block, unsigned level, struct sv_err *err)
{
        const size_t head = x->v5 ? 72 : 24;
        uint8_t raw[SV_SOURCE_BLOCK];
        struct sv_rd r = sv_rd(sv_bytes(raw, x->block));
        unsigned found, n;
        uint64_t place;

        if (sv_xfs_place(x, block, 1, &place, err) < 0 ||
            x->part.read(&x->part, place, raw, x->block, err) < 0)
                return -1;
        sv_rd_seek(&r, 4);
        found = sv_rd_u16be(&r);
        n = sv_rd_u16be(&r);
        if (memcmp(raw, x->v5 ? "BMA3" : "BMAP", 4) != 0 || found != level || !n ||
            n > (x->block - head) / 16)
                return sv_xfs_fail(err, "no block of extents where one is named", block);
        sv_rd_seek(&r, head);
        if (!level)
                return add_extents(x, &r, n, err);
        sv_rd_skip(&r, (x->block - head) / 16 * 8);
        return walk_pointers(x, r, n, level, err);
}

static int walk_pointers(struct sv_xfs *x, struct sv_rd r, unsigned n, unsigned level,
                         struct sv_err *err)
{
        for (unsigned i = 0; i < n; i++)
                if (walk_block(x, sv_rd_u64be(&r), level - 1, err) < 0)
                        return -1;
        return 0;
}

static int map_tree(struct sv_xfs *x, const struct sv_xfs_inode *inode, struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(inode->raw + inode->fork, inode->fork_size));
        unsigned level = sv_rd_u16be(&r), n = sv_rd_u16be(&r);
        size_t most = inode->fork_size < 4 ? 0 : (inode->fork_size - 4) / 16;

        if (!level || level > LEVELS_MAX || !n || n > most)
                return sv_xfs_fail(err, "an inode with a bad tree of extents", level);
        sv_rd_skip(&r, most * 8);
        return walk_pointers(x, r, n, level, err);
}

static int fill_map(struct sv_xfs *x, uint64_t ino, const struct sv_xfs_inode *inode,
                    struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(inode->raw + inode->fork, inode->fork_size));

        if (inode->format == SV_XFS_BTREE)
                return map_tree(x, inode, err);
        if (inode->format != SV_XFS_EXTENTS || inode->extents > inode->fork_size / 16)
                return sv_xfs_fail(err, "an inode whose data are nowhere", ino);
        return add_extents(x, &r, inode->extents, err);
}

int sv_xfs_map(struct sv_xfs *x, uint64_t ino, const struct sv_xfs_inode *inode, struct sv_err *err)
{
        if (x->mapped == ino && ino)
                return 0;
        x->mapped = 0;
        x->n_map = 0;
        if (fill_map(x, ino, inode, err) < 0)
                return -1;
        x->mapped = ino;
        return 0;
}

/* --- data --- */

/* The part of one extent that lies within what is wanted. */
static int read_extent(struct sv_xfs *x, const struct sv_xfs_extent *e, uint64_t at, uint8_t *p,
                       size_t n, struct sv_err *err)
{
        const uint64_t begin = e->at * x->block, end = begin + e->count * x->block;
        const uint64_t from = begin > at ? begin : at, to = end < at + n ? end : at + n;
        uint64_t place;

        if (from >= to || e->unwritten)
                return 0;
        if (sv_xfs_place(x, e->block, e->count, &place, err) < 0)
                return -1;
        return x->part.read(&x->part, place + (from - begin), p + (from - at), (size_t)(to - from),
                            err);
}

int sv_xfs_read_mapped(struct sv_xfs *x, uint64_t at, uint8_t *p, size_t n, struct sv_err *err)
{
        memset(p, 0, n);
        for (size_t i = 0; i < x->n_map && x->map[i].at <= (at + n) / x->block; i++)
                if (read_extent(x, &x->map[i], at, p, n, err) < 0)
                        return -1;
        return 0;
}
