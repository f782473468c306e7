/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/qcow2.h"

#include <string.h>

#include "base/core/rd.h"

#define CLUSTER_BITS 16
#define CLUSTER      (1u << CLUSTER_BITS)
#define HEADER       104
#define FORMAT_NAME  0xe2792acau
/* an L2 table of one cluster points to so many bytes */
#define L2_SPAN      ((uint64_t)CLUSTER / 8 * CLUSTER)

static void put_overlay_header(const char *backing, const char *format, uint64_t size,
                               uint32_t l1_entries, struct sv_buf *out)
{
        size_t padded = (strlen(format) + 7) / 8 * 8;
        uint64_t at = HEADER + 8 + padded + 8;

        sv_buf_puts(out, "QFI\xfb");
        sv_buf_u32be(out, 3);
        sv_buf_u64be(out, at);
        sv_buf_u32be(out, (uint32_t)strlen(backing));
        sv_buf_u32be(out, CLUSTER_BITS);
        sv_buf_u64be(out, size);
        sv_buf_u32be(out, 0); /* not encrypted by QEMU */
        sv_buf_u32be(out, l1_entries);
        sv_buf_u64be(out, 3 * CLUSTER); /* L1 table */
        sv_buf_u64be(out, CLUSTER);     /* refcount table, of one cluster */
        sv_buf_u32be(out, 1);
        sv_buf_u32be(out, 0); /* internal snapshots, and where */
        sv_buf_u64be(out, 0);
        sv_buf_u64be(out, 0); /* features: incompatible, compatible, autoclear */
        sv_buf_u64be(out, 0);
        sv_buf_u64be(out, 0);
        sv_buf_u32be(out, 4); /* refcounts of 16 bits */
        sv_buf_u32be(out, HEADER);
        sv_buf_u32be(out, FORMAT_NAME);
        sv_buf_u32be(out, (uint32_t)strlen(format));
        sv_buf_puts(out, format);
        sv_buf_grow(out, padded - strlen(format));
        sv_buf_u64be(out, 0); /* no further extension */
        sv_buf_puts(out, backing);
}

int sv_qcow2_print(const char *backing, const char *format, uint64_t size, struct sv_buf *out,
                   struct sv_err *err)
{
        uint32_t l1_entries = (uint32_t)((size + L2_SPAN - 1) / L2_SPAN);
        uint32_t l1_clusters = (l1_entries * 8 + CLUSTER - 1) / CLUSTER;
        size_t begin = out->n;

        if (!size || size % 512 || size > SV_OVERLAY_SIZE_MAX || strlen(backing) > 1023)
                return sv_fail(err, SV_USAGE, "snapshot.size",
                               "a disk of 512 bytes to 1 PiB was expected, found %llu bytes",
                               (unsigned long long)size);
        put_overlay_header(backing, format, size, l1_entries, out);
        sv_buf_grow(out, begin + CLUSTER - out->n);
        sv_buf_u64be(out, 2 * CLUSTER);
        sv_buf_grow(out, begin + 2 * CLUSTER - out->n);
        for (uint32_t i = 0; i < 3 + l1_clusters; i++)
                sv_buf_u16be(out, 1);
        sv_buf_grow(out, begin + (3 + l1_clusters) * (size_t)CLUSTER - out->n);
        return sv_buf_ok(out, "an overlay", err);
}

int sv_qcow2_parse(struct sv_bytes head, struct sv_qcow2 *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(head);
        const uint8_t *magic = sv_rd_take(&r, 4);
        uint32_t version = sv_rd_u32be(&r);
        uint64_t backing_at = sv_rd_u64be(&r);
        uint32_t backing_n = sv_rd_u32be(&r);
        struct sv_qcow2 q = {0};

        sv_rd_skip(&r, 4);
        q.size = sv_rd_u64be(&r);
        sv_rd_skip(&r, 4);
        q.l1_entries = sv_rd_u32be(&r);
        q.l1 = sv_rd_u64be(&r);
        if (sv_rd_ok(&r, "snapshot.layer", "the overlay's header", err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_bytes(magic, 4), sv_bytes("QFI\xfb", 4)) || version != 3 ||
            backing_n >= sizeof(q.backing) || q.size > SV_OVERLAY_SIZE_MAX ||
            q.l1_entries > SV_OVERLAY_SIZE_MAX / L2_SPAN)
                return sv_fail(err, SV_FORMAT, "snapshot.layer",
                               "an overlay (qcow2, version 3) was expected, found something else");
        sv_rd_seek(&r, backing_at);
        sv_rd_copy(&r, q.backing, backing_n);
        if (sv_rd_ok(&r, "snapshot.layer", "the overlay's header", err) < 0)
                return -1;
        *out = q;
        return 0;
}
