/* SPDX-License-Identifier: Apache-2.0 */
/* btrfs on one device (btrfs.readthedocs.io, "On-disk Format"): what image/import/btrfs.c and its
 * parts share.
 *
 *      superblock         at 64 KiB; its few chunks say where the chunk tree is, that where all is
 *      trees              btrfs-tree.c: items in the order of their keys
 *      subvolumes         btrfs-subvol.c: each a tree of its own, named in another one
 *      data               btrfs-data.c: in the tree, or elsewhere, maybe compressed
 */
#pragma once

#include "base/core/rd.h"
#include "image/import/reader.h"

#define SV_BTRFS_SUPER    65536
#define SV_BTRFS_NODE_MAX 65536
#define SV_BTRFS_KEPT     64

/* of items */
enum {
        SV_BTRFS_INODE = 1,
        SV_BTRFS_DIR_ITEM = 84,
        SV_BTRFS_DIR_INDEX = 96,
        SV_BTRFS_EXTENT = 108,
        SV_BTRFS_ROOT = 132,
        SV_BTRFS_CHUNK = 228,
};
/* of objects */
enum { SV_BTRFS_ROOTS = 1, SV_BTRFS_TOP = 5, SV_BTRFS_FIRST = 256 };

struct sv_btrfs_key {
        uint64_t object;
        uint8_t type;
        uint64_t offset;
};

struct sv_btrfs_root {
        uint64_t at; /* logical */
        uint8_t level;
};

struct sv_btrfs_item {
        struct sv_btrfs_key key;
        struct sv_bytes data; /* until the next search */
};

struct sv_btrfs_chunk {
        uint64_t at, size, place; /* logical, bytes, in the partition */
};

struct sv_btrfs {
        struct sv_source part;
        uint64_t size; /* of the device */
        uint32_t sector, node;
        struct sv_btrfs_root roots, chunk_tree;
        struct sv_btrfs_chunk *chunks;
        size_t n_chunks, room;
        bool weak_sums; /* checksums that can be made to fit */
        uint64_t root;  /* the tree that paths begin in */
        struct {
                uint64_t at;
                uint8_t *p;
        } kept[SV_BTRFS_KEPT]; /* blocks of trees, by their place */
};

int sv_btrfs_fail(struct sv_err *err, const char *what, uint64_t where);
struct sv_btrfs_key sv_btrfs_take_key(struct sv_rd *r);
/* The chunk of an item, which its key says the place of. */
int sv_btrfs_add_chunk(struct sv_btrfs *b, uint64_t at, struct sv_rd *r, struct sv_err *err);
int sv_btrfs_read(const struct sv_btrfs *b, uint64_t logical, uint8_t *p, size_t n,
                  struct sv_err *err);
/* The first item from `key` on: 1, or 0 when there is none. */
int sv_btrfs_find(struct sv_btrfs *b, const struct sv_btrfs_root *root, struct sv_btrfs_key key,
                  struct sv_btrfs_item *out, struct sv_err *err);
/* The next one of the same object and type, from `key` on, which is moved behind it. */
int sv_btrfs_next(struct sv_btrfs *b, const struct sv_btrfs_root *root, struct sv_btrfs_key *key,
                  struct sv_btrfs_item *out, struct sv_err *err);
/* The tree of a subvolume, or another one by its number. SV_FORMAT "import.btrfs". */
int sv_btrfs_find_root(struct sv_btrfs *b, uint64_t tree, struct sv_btrfs_root *out,
                       struct sv_err *err);
/* The subvolume that is mounted unless somebody names another one. */
int sv_btrfs_find_default(struct sv_btrfs *b, uint64_t *tree, struct sv_err *err);
/* The next one behind *tree, 0 at first: 1, or 0 when there is none. */
int sv_btrfs_next_subvolume(struct sv_btrfs *b, uint64_t *tree, struct sv_err *err);
int sv_btrfs_list(struct sv_btrfs *b, struct sv_node dir, sv_node_entry *entry, void *arg,
                  struct sv_err *err);
int sv_btrfs_read_data(struct sv_btrfs *b, struct sv_node node, uint8_t *p, size_t n,
                       struct sv_err *err);
