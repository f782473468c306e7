/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/import/btrfs.h"

#define HEAD       101 /* bytes of a block's head */
#define LEVELS_MAX 7
#define STRIPED    0x7f8u /* every kind of RAID, and DUP */
#define DUP        0x20u

int sv_btrfs_fail(struct sv_err *err, const char *what, uint64_t where)
{
        return sv_fail(err, SV_FORMAT, "import.btrfs", "the btrfs is damaged: %s (at %llu)", what,
                       (unsigned long long)where);
}

struct sv_btrfs_key sv_btrfs_take_key(struct sv_rd *r)
{
        struct sv_btrfs_key k;

        k.object = sv_rd_u64le(r);
        k.type = sv_rd_u8(r);
        k.offset = sv_rd_u64le(r);
        return k;
}

static int compare_keys(const struct sv_btrfs_key *a, const struct sv_btrfs_key *b)
{
        if (a->object != b->object)
                return a->object < b->object ? -1 : 1;
        if (a->type != b->type)
                return a->type < b->type ? -1 : 1;
        return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* --- from logical bytes to the partition's --- */

static int keep_chunk(struct sv_btrfs *b, struct sv_btrfs_chunk c, struct sv_err *err)
{
        if (!c.size || c.at + c.size < c.at || c.place > b->part.size ||
            c.size > b->part.size - c.place)
                return sv_btrfs_fail(err, "a chunk beyond the device's end", c.at);
        if (b->n_chunks == SV_BTRFS_CHUNKS_MAX)
                return sv_btrfs_fail(err, "absurdly many chunks", b->n_chunks);
        if (b->n_chunks == b->room) {
                size_t room = b->room ? b->room * 2 : 64;
                struct sv_btrfs_chunk *more = reallocarray(b->chunks, room, sizeof(*more));

                if (!more)
                        return sv_fail_errno(err, "base.memory", "no memory for chunks");
                b->chunks = more;
                b->room = room;
        }
        b->chunks[b->n_chunks++] = c;
        return 0;
}

/* Of a chunk that is there twice the first copy is read. */
int sv_btrfs_add_chunk(struct sv_btrfs *b, uint64_t at, struct sv_rd *r, struct sv_err *err)
{
        struct sv_btrfs_chunk c = {.at = at};
        uint64_t type;
        unsigned stripes;

        c.size = sv_rd_u64le(r);
        sv_rd_skip(r, 16);
        type = sv_rd_u64le(r);
        sv_rd_skip(r, 12);
        stripes = sv_rd_u16le(r);
        sv_rd_skip(r, 2 + 8);
        c.place = sv_rd_u64le(r);
        sv_rd_skip(r, 16);
        if (!stripes || (stripes > 1 && (type & STRIPED) != DUP))
                return sv_fail(err, SV_USAGE, "import.btrfs.feature",
                               "the btrfs is on several devices, or striped: one on one disk is "
                               "read");
        sv_rd_skip(r, (stripes - 1) * 32ull);
        if (sv_rd_ok(r, "import.btrfs", "a chunk of the btrfs", err) < 0)
                return -1;
        return keep_chunk(b, c, err);
}

int sv_btrfs_read(const struct sv_btrfs *b, uint64_t logical, uint8_t *p, size_t n,
                  struct sv_err *err)
{
        for (size_t i = 0; i < b->n_chunks; i++) {
                const struct sv_btrfs_chunk *c = &b->chunks[i];
                uint64_t into = logical - c->at;

                if (logical >= c->at && into < c->size && n <= c->size - into)
                        return b->part.read(&b->part, c->place + into, p, n, err);
        }
        return sv_btrfs_fail(err, "a block that is in no chunk", logical);
}

/* --- trees --- */

static int check_head(const struct sv_btrfs *b, const uint8_t *p, uint64_t at, uint8_t level,
                      struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(p, HEAD));
        uint64_t says;
        uint32_t n;

        sv_rd_seek(&r, 48);
        says = sv_rd_u64le(&r);
        sv_rd_seek(&r, 96);
        n = sv_rd_u32le(&r);
        if (says != at || p[100] != level || n > (b->node - HEAD) / (level ? 33 : 25) ||
            (level && !n))
                return sv_btrfs_fail(err, "no block of a tree where one is named", at);
        return 0;
}

/* It is there until another one takes its place. */
static int read_node(struct sv_btrfs *b, const struct sv_btrfs_root *at, const uint8_t **out,
                     struct sv_err *err)
{
        const size_t slot = at->at / b->node % SV_BTRFS_KEPT;
        uint8_t *p = b->kept[slot].p;

        if (!p)
                p = b->kept[slot].p = malloc(b->node);
        else if (b->kept[slot].at == at->at && check_head(b, p, at->at, at->level, NULL) == 0) {
                *out = p;
                return 0;
        }
        if (!p)
                return sv_fail_errno(err, "base.memory", "no memory for a block");
        b->kept[slot].at = UINT64_MAX;
        if (sv_btrfs_read(b, at->at, p, b->node, err) < 0 ||
            check_head(b, p, at->at, at->level, err) < 0)
                return -1;
        b->kept[slot].at = at->at;
        *out = p;
        return 0;
}

static uint32_t count_items(const uint8_t *node)
{
        struct sv_rd r = sv_rd(sv_bytes(node + 96, 4));

        return sv_rd_u32le(&r);
}

/* Of a block whose entries are `step` bytes each: the first one that is not below the key. */
static uint32_t find_slot(const struct sv_btrfs *b, const uint8_t *node, size_t step,
                          const struct sv_btrfs_key *key)
{
        uint32_t low = 0, high = count_items(node);

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                struct sv_rd r = sv_rd(sv_bytes(node, b->node));
                struct sv_btrfs_key k;

                sv_rd_seek(&r, HEAD + middle * step);
                k = sv_btrfs_take_key(&r);
                if (compare_keys(&k, key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int take_item(const struct sv_btrfs *b, const uint8_t *leaf, uint32_t slot,
                     struct sv_btrfs_item *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(leaf, b->node));
        uint32_t offset, size;

        sv_rd_seek(&r, HEAD + slot * 25ull);
        out->key = sv_btrfs_take_key(&r);
        offset = sv_rd_u32le(&r);
        size = sv_rd_u32le(&r);
        sv_rd_seek(&r, HEAD + (uint64_t)offset);
        out->data = sv_rd_bytes(&r, size);
        return sv_rd_ok(&r, "import.btrfs", "an item of the btrfs", err) < 0 ? -1 : 1;
}

/* Down to the leaf where the key is, or would be. *after: where what follows that leaf begins. */
static int descend(struct sv_btrfs *b, const struct sv_btrfs_root *root,
                   const struct sv_btrfs_key *key, const uint8_t **leaf, struct sv_btrfs_key *after,
                   bool *more, struct sv_err *err)
{
        struct sv_btrfs_root at = *root;

        *more = false;
        for (;; at.level--) {
                const uint8_t *node;
                struct sv_rd r;
                struct sv_btrfs_key k;
                uint32_t slot;

                if (at.level > LEVELS_MAX)
                        return sv_btrfs_fail(err, "a tree of too many levels", at.at);
                if (read_node(b, &at, &node, err) < 0)
                        return -1;
                *leaf = node;
                if (!at.level)
                        return 0;
                slot = find_slot(b, node, 33, key);
                r = sv_rd(sv_bytes(node, b->node));
                sv_rd_seek(&r, HEAD + slot * 33ull);
                k = slot < count_items(node) ? sv_btrfs_take_key(&r) : (struct sv_btrfs_key){0};
                if (slot < count_items(node) && compare_keys(&k, key) == 0)
                        slot++; /* it begins with the key itself */
                slot = slot ? slot - 1 : 0;
                sv_rd_seek(&r, HEAD + slot * 33ull + 17);
                at.at = sv_rd_u64le(&r);
                if (slot + 1 < count_items(node)) {
                        sv_rd_skip(&r, 8);
                        *after = sv_btrfs_take_key(&r);
                        *more = true;
                }
        }
}

int sv_btrfs_find(struct sv_btrfs *b, const struct sv_btrfs_root *root, struct sv_btrfs_key key,
                  struct sv_btrfs_item *out, struct sv_err *err)
{
        for (;;) {
                struct sv_btrfs_key after = key;
                const uint8_t *leaf;
                uint32_t slot;
                bool more;

                if (descend(b, root, &key, &leaf, &after, &more, err) < 0)
                        return -1;
                slot = find_slot(b, leaf, 25, &key);
                if (slot < count_items(leaf))
                        return take_item(b, leaf, slot, out, err);
                if (!more)
                        return 0;
                if (compare_keys(&after, &key) <= 0)
                        return sv_btrfs_fail(err, "keys that are out of order", root->at);
                key = after;
        }
}

int sv_btrfs_next(struct sv_btrfs *b, const struct sv_btrfs_root *root, struct sv_btrfs_key *key,
                  struct sv_btrfs_item *out, struct sv_err *err)
{
        int r = sv_btrfs_find(b, root, *key, out, err);

        if (r <= 0)
                return r;
        if (out->key.object != key->object || out->key.type != key->type)
                return 0;
        if (compare_keys(&out->key, key) < 0 || out->key.offset == UINT64_MAX)
                return sv_btrfs_fail(err, "keys that are out of order", root->at);
        key->offset = out->key.offset + 1;
        return 1;
}
