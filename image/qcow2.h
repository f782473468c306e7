/* SPDX-License-Identifier: Apache-2.0 */
/* The changed blocks of a disk, as QEMU writes them into a qcow2 image of version 3 that has no
 * backing file: a cluster of 64 KiB is there with its bytes, or as zeros, or not, when the disk did
 * not change in it.
 *
 *   header (104 bytes)   magic, version, size of the disk, where the L1 table is
 *   L1 table             8 bytes for each 512 MiB: where the L2 table is, or 0
 *   L2 table             8 bytes for each cluster: where its bytes are, or 0; bit 0: reads as zeros
 *
 * All numbers are big endian. Reference counts are QEMU's business, and not read. Whoever has QEMU
 * open the image names the format, so no header is guessed at. Everything else that a qcow2 image
 * may be (backing file, compression, encryption, snapshots, external data) is refused.
 * Specification: docs/interop/qcow2.rst of QEMU. */
#pragma once

#include "base/core/bytes.h"

#define SV_QCOW2_CLUSTER 65536u /* bytes */

struct sv_qcow2 {
        int fd;           /* the caller's */
        const char *path; /* for messages; the caller's */
        uint64_t file;    /* bytes of the file */
        uint64_t size;    /* bytes of the disk */
        uint64_t l1;      /* where it is in the file */
};

/* A cluster that changed: `n` bytes of the disk from `at` on, which are at `from` in the file, or
 * zeros when that is 0. */
struct sv_qcow2_part {
        uint64_t at, n, from;
};

/* An image in which nothing changed, of a disk of `size` bytes, 1 to SV_QCOW2_DISK_MAX; the file is
 * empty. SV_SYSTEM "image.qcow2.write", SV_USAGE "image.qcow2.size". */
int sv_qcow2_make(int fd, const char *path, uint64_t size, struct sv_err *err);
/* SV_FORMAT "image.qcow2.header", "image.qcow2.table"; SV_SYSTEM "image.qcow2.read". */
int sv_qcow2_open(int fd, const char *path, struct sv_qcow2 *out, struct sv_err *err);
/* Each changed cluster in the order of the disk; fn returns 0 to go on, -1 with *err filled. */
int sv_qcow2_each(const struct sv_qcow2 *q,
                  int (*fn)(void *arg, const struct sv_qcow2_part *part, struct sv_err *err),
                  void *arg, struct sv_err *err);
/* Bytes of the disk that changed. */
int sv_qcow2_count(const struct sv_qcow2 *q, uint64_t *out, struct sv_err *err);
/* What changed goes to the same places of `to`. SV_SYSTEM "image.qcow2.write". */
int sv_qcow2_apply(const struct sv_qcow2 *q, int to, struct sv_err *err);
/* And of the first `n` bytes of the disk, into out, which has what was there before. */
int sv_qcow2_apply_head(const struct sv_qcow2 *q, uint8_t *out, size_t n, struct sv_err *err);
