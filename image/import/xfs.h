/* SPDX-License-Identifier: Apache-2.0 */
/* XFS, versions 4 and 5 (XFS Algorithms and Data Structures, 3rd edition): what image/import/xfs.c
 * and its parts share.
 *
 *      superblock         xfs-super.c: where groups, inodes and the log are
 *      inode              xfs-inode.c: what it is, and which blocks are its data's
 *      folder             xfs-dir.c: entries in the inode, or in blocks of their own
 *      log                xfs-log.c: it must end with an unmount, or what is read is old
 */
#pragma once

#include "base/core/rd.h"
#include "image/import/reader.h"

struct sv_xfs_extent {
        uint64_t at, block, count; /* blocks: in the file, in the file system, how many */
        bool unwritten;
};

struct sv_xfs {
        struct sv_source part;
        uint32_t block, dirblock, groups, group_blocks; /* bytes, bytes, number, blocks */
        unsigned group_log, inodes_log;                 /* log2 of blocks, of inodes in a block */
        uint16_t inode_size;
        uint64_t blocks, root, log_start;
        uint32_t log_blocks;
        bool v5, ftype;
        /* of the file that was looked at last */
        uint64_t mapped;
        struct sv_xfs_extent *map;
        size_t n_map, room;
};

struct sv_xfs_inode {
        uint8_t raw[2048];
        uint16_t mode;
        uint8_t format;
        uint64_t size, extents;
        size_t fork, fork_size; /* where its data's fork is in `raw` */
};

enum { SV_XFS_LOCAL = 1, SV_XFS_EXTENTS = 2, SV_XFS_BTREE = 3 };

/* From x->part, which is set. SV_FORMAT "import.xfs", "import.xfs.short"; SV_USAGE
 * "import.xfs.feature", "import.xfs.unclean". */
int sv_xfs_read_super(struct sv_xfs *x, struct sv_err *err);
int sv_xfs_fail(struct sv_err *err, const char *what, uint64_t where);
/* Where a block is in the partition, when `count` blocks from there on are in its group: else
 * SV_FORMAT "import.xfs". */
int sv_xfs_place(const struct sv_xfs *x, uint64_t block, uint64_t count, uint64_t *out,
                 struct sv_err *err);
int sv_xfs_read_inode(struct sv_xfs *x, uint64_t ino, struct sv_xfs_inode *out, struct sv_err *err);
/* x->map becomes this inode's. */
int sv_xfs_map(struct sv_xfs *x, uint64_t ino, const struct sv_xfs_inode *inode,
               struct sv_err *err);
/* n bytes of the file that x->map is of; holes are zeros. */
int sv_xfs_read_mapped(struct sv_xfs *x, uint64_t at, uint8_t *p, size_t n, struct sv_err *err);
int sv_xfs_list(struct sv_xfs *x, uint64_t ino, sv_node_entry *entry, void *arg,
                struct sv_err *err);
/* SV_USAGE "import.xfs.unclean" unless the log ends with an unmount. */
int sv_xfs_check_log(struct sv_xfs *x, struct sv_err *err);
