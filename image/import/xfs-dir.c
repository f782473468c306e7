/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "image/import/xfs.h"

#define SPACE_END                                                                      \
        (1ull << 35) /* behind a folder's entries in its file are the indexes of names \
                      */
#define UNUSED 0xffffu

/* In the inode: inodes have 4 bytes, or 8 when one of them needs that. */
static int list_short(struct sv_xfs *x, const struct sv_xfs_inode *inode, sv_node_entry *entry,
                      void *arg, struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(inode->raw + inode->fork, inode->fork_size));
        unsigned n = sv_rd_u8(&r);
        const bool wide = sv_rd_u8(&r) != 0;

        sv_rd_skip(&r, wide ? 8 : 4); /* the parent */
        for (unsigned i = 0; i < n; i++) {
                size_t length = sv_rd_u8(&r);
                struct sv_bytes name;
                struct sv_node node = {.tree = 0};

                sv_rd_skip(&r, 2);
                name = sv_rd_bytes(&r, length);
                if (x->ftype)
                        sv_rd_skip(&r, 1);
                node.ino = wide ? sv_rd_u64be(&r) : sv_rd_u32be(&r);
                if (r.bad)
                        break;
                if (entry(arg, (const char *)name.p, name.n, node))
                        return 0;
        }
        return sv_rd_ok(&r, "import.xfs", "a folder of the XFS", err);
}

/* Where the entries end: a folder of one block has its index in it. */
static size_t find_end(const struct sv_xfs *x, const uint8_t *raw, bool single)
{
        struct sv_rd r = sv_rd(sv_bytes(raw, x->dirblock));
        uint64_t count;

        if (!single)
                return x->dirblock;
        sv_rd_seek(&r, x->dirblock - 8);
        count = sv_rd_u32be(&r);
        return count < (x->dirblock - 8) / 8 ? x->dirblock - 8 - (size_t)count * 8 : 0;
}

/* One entry, or a gap. 1: nothing more is wanted. */
static int take_entry(const struct sv_xfs *x, struct sv_rd *r, sv_node_entry *entry, void *arg)
{
        const size_t begin = r->pos;
        struct sv_rd gap = *r;
        struct sv_bytes name;
        struct sv_node node = {.tree = 0};
        size_t length;

        if (sv_rd_u16be(&gap) == UNUSED) {
                length = sv_rd_u16be(&gap);
                /* Less would be read again for ever. */
                sv_rd_skip(r, length >= 8 ? length : SIZE_MAX);
                return 0;
        }
        node.ino = sv_rd_u64be(r);
        length = sv_rd_u8(r);
        name = sv_rd_bytes(r, length);
        sv_rd_seek(r, begin + ((11 + length + x->ftype + 7) & ~7ull));
        return r->bad || !length ? 0 : entry(arg, (const char *)name.p, name.n, node);
}

static int list_block(const struct sv_xfs *x, const uint8_t *raw, uint64_t at, sv_node_entry *entry,
                      void *arg, struct sv_err *err)
{
        const bool single = memcmp(raw, x->v5 ? "XDB3" : "XD2B", 4) == 0;
        const size_t head = x->v5 ? 64 : 16, end = find_end(x, raw, single);
        struct sv_rd r = sv_rd(sv_bytes(raw, end));

        if ((!single && memcmp(raw, x->v5 ? "XDD3" : "XD2D", 4) != 0) || end < head)
                return sv_xfs_fail(err, "no block of a folder where one should be", at);
        sv_rd_seek(&r, head);
        while (sv_rd_left(&r))
                if (take_entry(x, &r, entry, arg))
                        return 1;
        return sv_rd_ok(&r, "import.xfs", "a folder of the XFS", err);
}

static int list_extent(struct sv_xfs *x, const struct sv_xfs_extent *e, uint8_t *raw,
                       sv_node_entry *entry, void *arg, struct sv_err *err)
{
        const uint64_t begin = e->at * x->block, end = begin + e->count * x->block;

        for (uint64_t at = begin; at < end && at < SPACE_END; at += x->dirblock) {
                int r;

                if (sv_xfs_read_mapped(x, at, raw, x->dirblock, err) < 0)
                        return -1;
                r = list_block(x, raw, at, entry, arg, err);
                if (r)
                        return r;
        }
        return 0;
}

/* Blocks of a folder may be several of the file system's, and those in several extents. */
static int list_extents(struct sv_xfs *x, sv_node_entry *entry, void *arg, struct sv_err *err)
{
        const uint64_t step = x->dirblock / x->block;
        uint8_t raw[65536];
        uint64_t done = 0;

        for (size_t i = 0; i < x->n_map; i++) {
                struct sv_xfs_extent e = x->map[i];
                uint64_t end = e.at + e.count;
                int r;

                if (e.at < done)
                        e.at = done < end ? done : end;
                e.at -= e.at % step;
                e.count = end - e.at;
                if (e.at + e.count <= done)
                        continue;
                r = list_extent(x, &e, raw, entry, arg, err);
                if (r)
                        return r < 0 ? -1 : 0;
                done = (end + step - 1) / step * step;
        }
        return 0;
}

int sv_xfs_list(struct sv_xfs *x, uint64_t ino, sv_node_entry *entry, void *arg, struct sv_err *err)
{
        struct sv_xfs_inode inode;

        if (sv_xfs_read_inode(x, ino, &inode, err) < 0)
                return -1;
        if ((inode.mode & 0170000) != 0040000)
                return sv_xfs_fail(err, "a folder that is none", ino);
        if (inode.format == SV_XFS_LOCAL)
                return list_short(x, &inode, entry, arg, err);
        if (sv_xfs_map(x, ino, &inode, err) < 0)
                return -1;
        return list_extents(x, entry, arg, err);
}
