/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/btrfs.h"

#define ROOT_FOLDER 6                     /* in the tree of roots: names the default */
#define LAST        0xffffffffffffff00ull /* above are trees of the file system's own */

int sv_btrfs_find_root(struct sv_btrfs *b, uint64_t tree, struct sv_btrfs_root *out,
                       struct sv_err *err)
{
        struct sv_btrfs_item item;
        struct sv_rd r;
        int found;

        if (tree == SV_BTRFS_ROOTS) {
                *out = b->roots;
                return 0;
        }
        found = sv_btrfs_find(b, &b->roots, (struct sv_btrfs_key){tree, SV_BTRFS_ROOT, 0}, &item,
                              err);
        if (found < 0)
                return -1;
        if (!found || item.key.object != tree || item.key.type != SV_BTRFS_ROOT)
                return sv_btrfs_fail(err, "a subvolume that is not there", tree);
        r = sv_rd(item.data);
        sv_rd_seek(&r, 176);
        out->at = sv_rd_u64le(&r);
        sv_rd_seek(&r, 238);
        out->level = sv_rd_u8(&r);
        return sv_rd_ok(&r, "import.btrfs", "a subvolume of the btrfs", err);
}

/* An entry leads to an inode of the same tree, or to a subvolume's first one. */
static struct sv_node name_node(struct sv_btrfs_key to, uint64_t tree)
{
        return to.type == SV_BTRFS_ROOT ? (struct sv_node){to.object, SV_BTRFS_FIRST}
                                        : (struct sv_node){tree, to.object};
}

/* An item may have several entries, whose names have one hash. */
static int list_item(const struct sv_btrfs_item *item, uint64_t tree, sv_node_entry *entry,
                     void *arg, struct sv_err *err)
{
        struct sv_rd r = sv_rd(item->data);

        while (sv_rd_left(&r)) {
                struct sv_btrfs_key to = sv_btrfs_take_key(&r);
                size_t data, length;
                struct sv_bytes name;

                sv_rd_skip(&r, 8);
                data = sv_rd_u16le(&r);
                length = sv_rd_u16le(&r);
                sv_rd_skip(&r, 1);
                name = sv_rd_bytes(&r, length);
                sv_rd_skip(&r, data);
                if (!r.bad && name.n &&
                    entry(arg, (const char *)name.p, name.n, name_node(to, tree)))
                        return 1;
        }
        return sv_rd_ok(&r, "import.btrfs", "a folder of the btrfs", err);
}

static int list_items(struct sv_btrfs *b, struct sv_node dir, uint8_t type, sv_node_entry *entry,
                      void *arg, struct sv_err *err)
{
        struct sv_btrfs_key key = {dir.ino, type, 0};
        struct sv_btrfs_root root;
        struct sv_btrfs_item item;
        int more;

        if (sv_btrfs_find_root(b, dir.tree, &root, err) < 0)
                return -1;
        while ((more = sv_btrfs_next(b, &root, &key, &item, err)) > 0) {
                int r = list_item(&item, dir.tree, entry, arg, err);

                if (r)
                        return r < 0 ? -1 : 0;
        }
        return more;
}

int sv_btrfs_list(struct sv_btrfs *b, struct sv_node dir, sv_node_entry *entry, void *arg,
                  struct sv_err *err)
{
        return list_items(b, dir, SV_BTRFS_DIR_INDEX, entry, arg, err);
}

static int take_default(void *arg, const char *name, size_t n, struct sv_node node)
{
        uint64_t *tree = arg;

        if (n != 7 || memcmp(name, "default", 7) != 0)
                return 0;
        *tree = node.tree;
        return 1;
}

int sv_btrfs_find_default(struct sv_btrfs *b, uint64_t *tree, struct sv_err *err)
{
        *tree = SV_BTRFS_TOP;
        return list_items(b, (struct sv_node){SV_BTRFS_ROOTS, ROOT_FOLDER}, SV_BTRFS_DIR_ITEM,
                          take_default, tree, err);
}

int sv_btrfs_next_subvolume(struct sv_btrfs *b, uint64_t *tree, struct sv_err *err)
{
        struct sv_btrfs_item item;
        uint64_t from = *tree < SV_BTRFS_TOP ? SV_BTRFS_TOP : *tree + 1;
        int found;

        if (*tree == SV_BTRFS_TOP)
                from = SV_BTRFS_FIRST;
        for (;; from = item.key.object + 1) {
                const struct sv_btrfs_key key = {from, SV_BTRFS_ROOT, 0};

                found = sv_btrfs_find(b, &b->roots, key, &item, err);
                if (found <= 0)
                        return found;
                if (item.key.object > LAST)
                        return 0;
                if (item.key.type == SV_BTRFS_ROOT)
                        break;
        }
        *tree = item.key.object;
        return 1;
}
