/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/btrfs.h"

#include <stdlib.h>

#include "base/core/file.h"

#define SUPER_SIZE 4096
#define CHUNKS_AT  811 /* in the superblock: those that the chunk tree is in */
#define CHUNKS_MAX 2048
#define SHA256     2 /* checksums: CRC-32C, xxHash, and then those of cryptography */

/* mixed references and groups, LZO, zstd, several blocks a node, references, raid56, skinny
 * references, no holes, a UUID of its own for metadata, simple quotas */
#define KNOWN 0x107ffull

static int check_btrfs_sizes(struct sv_btrfs *b, uint64_t devices, uint64_t features,
                             struct sv_err *err)
{
        if (devices != 1 || features & ~KNOWN)
                return sv_fail(err, SV_USAGE, "import.btrfs.feature",
                               "expected a btrfs on one device with features that are known, "
                               "found %llu devices and features %llx",
                               (unsigned long long)devices, (unsigned long long)features);
        if (b->sector < 512 || b->sector > 65536 || b->node < b->sector || b->node < 4096 ||
            b->node > SV_BTRFS_NODE_MAX || b->node & (b->node - 1))
                return sv_btrfs_fail(err, "blocks of a size that there is not", b->node);
        if (b->size > b->part.size)
                return sv_fail(err, SV_FORMAT, "import.btrfs.short",
                               "the btrfs has %llu bytes, and there is room for %llu: the image "
                               "was cut short",
                               (unsigned long long)b->size, (unsigned long long)b->part.size);
        return 0;
}

static int read_first_chunks(struct sv_btrfs *b, const uint8_t *super, struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(super + 160, 4));
        uint32_t n = sv_rd_u32le(&r);

        if (n > CHUNKS_MAX)
                return sv_btrfs_fail(err, "too many chunks in its superblock", n);
        r = sv_rd(sv_bytes(super + CHUNKS_AT, n));
        while (sv_rd_left(&r)) {
                struct sv_btrfs_key key = sv_btrfs_take_key(&r);

                if (sv_btrfs_add_chunk(b, key.offset, &r, err) < 0)
                        return -1;
        }
        return sv_rd_ok(&r, "import.btrfs", "the superblock's chunks", err);
}

static int parse_super(struct sv_btrfs *b, const uint8_t *super, struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(super, SUPER_SIZE));
        uint64_t log, devices, features;

        if (memcmp(super + 64, "_BHRfS_M", 8) != 0)
                return sv_btrfs_fail(err, "no superblock", SV_BTRFS_SUPER);
        sv_rd_seek(&r, 80);
        b->roots.at = sv_rd_u64le(&r);
        b->chunk_tree.at = sv_rd_u64le(&r);
        log = sv_rd_u64le(&r);
        sv_rd_seek(&r, 136);
        devices = sv_rd_u64le(&r);
        b->sector = sv_rd_u32le(&r);
        b->node = sv_rd_u32le(&r);
        sv_rd_seek(&r, 188);
        features = sv_rd_u64le(&r);
        b->weak_sums = sv_rd_u16le(&r) < SHA256;
        b->roots.level = super[198];
        b->chunk_tree.level = super[199];
        sv_rd_seek(&r, 209);
        b->size = sv_rd_u64le(&r);
        if (log)
                return sv_fail(err, SV_USAGE, "import.btrfs.unclean",
                               "the btrfs was not unmounted, and its log has to be replayed "
                               "first: start and stop its machine once more");
        return check_btrfs_sizes(b, devices, features, err);
}

/* Those in the superblock are there again. */
static int read_chunks(struct sv_btrfs *b, struct sv_err *err)
{
        struct sv_btrfs_key key = {SV_BTRFS_FIRST, SV_BTRFS_CHUNK, 0};
        struct sv_btrfs_item item;
        int more;

        while ((more = sv_btrfs_next(b, &b->chunk_tree, &key, &item, err)) > 0) {
                struct sv_rd r = sv_rd(item.data);

                if (sv_btrfs_add_chunk(b, item.key.offset, &r, err) < 0)
                        return -1;
        }
        return more;
}

static int read_btrfs_head(struct sv_btrfs *b, struct sv_err *err)
{
        uint8_t super[SUPER_SIZE];

        if (b->part.size < SV_BTRFS_SUPER + SUPER_SIZE)
                return sv_btrfs_fail(err, "too short for its superblock", b->part.size);
        if (b->part.read(&b->part, SV_BTRFS_SUPER, super, sizeof(super), err) < 0 ||
            parse_super(b, super, err) < 0 || read_first_chunks(b, super, err) < 0 ||
            read_chunks(b, err) < 0)
                return -1;
        return sv_btrfs_find_default(b, &b->root, err);
}

static void free_btrfs(void *r)
{
        struct sv_btrfs *b = r;

        for (size_t i = 0; b && i < SV_BTRFS_KEPT; i++)
                free(b->kept[i].p);
        if (b)
                free(b->chunks);
        free(b);
}

static int open_btrfs_reader(const struct sv_source *part, void **out, struct sv_err *err)
{
        struct sv_btrfs *b = calloc(1, sizeof(*b));

        if (!b)
                return sv_fail_errno(err, "base.memory", "no memory for a file system");
        b->part = *part;
        if (read_btrfs_head(b, err) < 0) {
                free_btrfs(b);
                return -1;
        }
        *out = b;
        return 0;
}

static struct sv_node get_btrfs_root(void *r)
{
        const struct sv_btrfs *b = r;

        return (struct sv_node){b->root, SV_BTRFS_FIRST};
}

static uint64_t get_btrfs_size(void *r)
{
        const struct sv_btrfs *b = r;

        return b->size;
}

static int look_at_btrfs(void *r, struct sv_node node, struct sv_node_info *out, struct sv_err *err)
{
        struct sv_btrfs *b = r;
        struct sv_btrfs_item item;
        struct sv_btrfs_root root;
        struct sv_rd inode;
        uint32_t mode;
        int found;

        if (sv_btrfs_find_root(b, node.tree, &root, err) < 0)
                return -1;
        found = sv_btrfs_find(b, &root, (struct sv_btrfs_key){node.ino, SV_BTRFS_INODE, 0}, &item,
                              err);
        if (found < 0)
                return -1;
        if (!found || item.key.object != node.ino || item.key.type != SV_BTRFS_INODE)
                return sv_btrfs_fail(err, "a file that is not there", node.ino);
        inode = sv_rd(item.data);
        sv_rd_seek(&inode, 16);
        out->size = sv_rd_u64le(&inode);
        sv_rd_seek(&inode, 52);
        mode = sv_rd_u32le(&inode);
        out->kind = sv_node_kind_of(mode);
        return sv_rd_ok(&inode, "import.btrfs", "an inode of the btrfs", err);
}

static int list_btrfs(void *r, struct sv_node dir, sv_node_entry *entry, void *arg,
                      struct sv_err *err)
{
        return sv_btrfs_list(r, dir, entry, arg, err);
}

static int read_btrfs(void *r, struct sv_node node, uint8_t *p, size_t n, struct sv_err *err)
{
        return sv_btrfs_read_data(r, node, p, n, err);
}

const struct sv_reader sv_reader_btrfs = {
        .holds = "btrfs",
        .open = open_btrfs_reader,
        .free = free_btrfs,
        .root = get_btrfs_root,
        .look = look_at_btrfs,
        .list = list_btrfs,
        .read = read_btrfs,
        .size = get_btrfs_size,
};
