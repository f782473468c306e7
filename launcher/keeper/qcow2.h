/* SPDX-License-Identifier: Apache-2.0 */
/* As much of QEMU's qcow2 (docs/interop/qcow2.rst) as an overlay wants. A header of 104 bytes, big
 * endian: magic "QFI\xfb", version 3, where the name of the backing file stands, log2 of the
 * cluster's size, the virtual size, the L1 table (entries, offset), the refcount table (offset,
 * clusters), features; behind it extensions (type, length, data), one of which says the backing
 * file's format. An L1 entry points to an L2 table for each 512 MiB and is 0 where nothing was ever
 * written. An overlay that is new has four parts, each of whole clusters: header, refcount table,
 * one block of refcounts, L1 table. Pure. */
#pragma once

#include "base/core/buf.h"
#include "base/core/limits.h"

struct sv_qcow2 {
        uint64_t size;       /* virtual, bytes */
        char backing[1024];  /* as it stands there, "" for none */
        uint64_t l1;         /* offset of the L1 table */
        uint32_t l1_entries; /* of 8 bytes */
};

#define SV_QCOW2_HEAD 2048 /* bytes from which the header can be read */

/* A new, empty overlay over `backing` (format "raw" or "qcow2") of `size` bytes, a multiple of 512.
 * SV_USAGE "snapshot.size" when that is more than SV_OVERLAY_SIZE_MAX. */
int sv_qcow2_print(const char *backing, const char *format, uint64_t size, struct sv_buf *out,
                   struct sv_err *err);
/* SV_FORMAT "snapshot.layer" when that is no overlay as above. */
int sv_qcow2_parse(struct sv_bytes head, struct sv_qcow2 *out, struct sv_err *err);
