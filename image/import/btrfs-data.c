/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "image/gzip.h"
#include "image/import/btrfs.h"
#include "image/zstd.h"

#define PACKED_MAX (1u << 20) /* bytes of a compressed extent, either way: Linux makes 128 KiB */

enum { PLAIN, ZLIB, LZO, ZSTD };

struct extent {
        uint64_t ram, logical, size, offset, n; /* as stored: `size` bytes at `logical` */
        uint8_t packing, type;                  /* type 0: in the item; 2: not yet written */
        struct sv_bytes inside;
};

static int parse_extent(const struct sv_btrfs_item *item, struct extent *e, struct sv_err *err)
{
        struct sv_rd r = sv_rd(item->data);
        uint8_t encryption;
        uint16_t encoding;

        sv_rd_skip(&r, 8);
        e->ram = sv_rd_u64le(&r);
        e->packing = sv_rd_u8(&r);
        encryption = sv_rd_u8(&r);
        encoding = sv_rd_u16le(&r);
        e->type = sv_rd_u8(&r);
        if (e->type == 0) {
                e->inside = sv_rd_rest(&r);
                e->n = e->packing ? e->ram : e->inside.n;
        } else {
                e->logical = sv_rd_u64le(&r);
                e->size = sv_rd_u64le(&r);
                e->offset = sv_rd_u64le(&r);
                e->n = sv_rd_u64le(&r);
        }
        if (sv_rd_ok(&r, "import.btrfs", "an extent of the btrfs", err) < 0)
                return -1;
        if (encryption || encoding || e->type > 2 || e->packing > ZSTD || e->packing == LZO)
                return sv_fail(err, SV_USAGE, "import.btrfs.feature",
                               "the btrfs has a file that is packed in a way that is not read "
                               "(%s): copy what it holds, and give it to \"image encrypt --from\"",
                               e->packing == LZO ? "LZO" : "unknown");
        return 0;
}

static int unpack_extent(const struct extent *e, struct sv_bytes packed, struct sv_buf *out,
                         struct sv_err *err)
{
        int r = e->packing == ZLIB ? sv_zlib_decode(packed, PACKED_MAX, out, err)
                                   : sv_zstd_decompress_first(packed, PACKED_MAX, out, err);

        return r < 0 ? sv_wrap(err, "a file of the btrfs") : 0;
}

/* What a compressed extent holds; shorter than it says means zeros. */
static int copy_packed(struct sv_btrfs *b, const struct extent *e, uint8_t *p, size_t n,
                       struct sv_err *err)
{
        SV_BUF packed = SV_BUF_NULL, plain = SV_BUF_NULL;
        struct sv_bytes from = e->inside;

        if (e->type) {
                uint8_t *raw = e->size <= PACKED_MAX ? sv_buf_grow(&packed, (size_t)e->size) : NULL;

                if (!raw)
                        return sv_btrfs_fail(err, "an extent of absurd size", e->logical);
                if (sv_btrfs_read(b, e->logical, raw, (size_t)e->size, err) < 0)
                        return -1;
                from = sv_buf_bytes(&packed);
        }
        if (unpack_extent(e, from, &plain, err) < 0)
                return -1;
        if (e->offset >= plain.n)
                return 0;
        if (n > plain.n - e->offset)
                n = plain.n - (size_t)e->offset;
        memcpy(p, plain.p + e->offset, n);
        return 0;
}

static int copy_extent(struct sv_btrfs *b, const struct extent *e, uint8_t *p, size_t n,
                       struct sv_err *err)
{
        if (e->type == 2 || (e->type == 1 && !e->logical))
                return 0; /* zeros */
        if (e->packing)
                return copy_packed(b, e, p, n, err);
        if (e->type == 1)
                return sv_btrfs_read(b, e->logical + e->offset, p, n, err);
        memcpy(p, e->inside.p, n < e->inside.n ? n : e->inside.n);
        return 0;
}

int sv_btrfs_read_data(struct sv_btrfs *b, struct sv_node node, uint8_t *p, size_t n,
                       struct sv_err *err)
{
        struct sv_btrfs_key key = {node.ino, SV_BTRFS_EXTENT, 0};
        struct sv_btrfs_root root;
        struct sv_btrfs_item item;
        int more;

        memset(p, 0, n);
        if (sv_btrfs_find_root(b, node.tree, &root, err) < 0)
                return -1;
        while ((more = sv_btrfs_next(b, &root, &key, &item, err)) > 0) {
                struct extent e = {.n = 0};
                uint64_t at = item.key.offset;
                size_t left;

                if (at >= n)
                        break;
                if (parse_extent(&item, &e, err) < 0)
                        return -1;
                left = n - (size_t)at;
                if (copy_extent(b, &e, p + at, e.n < left ? (size_t)e.n : left, err) < 0)
                        return -1;
        }
        return more < 0 ? -1 : 0;
}
