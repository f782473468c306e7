/* SPDX-License-Identifier: Apache-2.0 */
/* Where a disk was written to, as QEMU notes it in a qcow2 image with a dirty bitmap. The bytes
 * that are written go nowhere (its external data file is a "null-co" node); the bitmap QEMU puts
 * there when it closes the image, and only then: an image that QEMU did not close in order has
 * none.
 *
 *   header                   as in image/qcow2.h, with "external data" (incompatible bit 2)
 *   bitmaps extension        how many, how long their directory is, and where
 *   directory                a bitmap's name, its granularity, where its table is, "in use"
 *   table                    8 bytes for each cluster of the bitmap: where it is; 0: all zeros, 1:
 *                            all ones
 *   bitmap                   a bit for each MiB of the disk, the lowest of a byte first
 *
 * All numbers are big endian. The image has one bitmap. Specification: docs/interop/qcow2.rst of
 * QEMU, "Bitmaps". */
#pragma once

#include "base/core/bytes.h"

#define SV_QCOW2_MARK (1u << 20) /* bytes of the disk for which a mark stands */

/* Of marks for a disk of `size` bytes. */
size_t sv_qcow2_count_marks(uint64_t size);
/* An image in which QEMU can note that; as sv_qcow2_make. */
int sv_qcow2_make_notes(int fd, const char *path, uint64_t size, struct sv_err *err);
/* Sets marks[i], of sv_qcow2_count_marks(size), where there was a write, and leaves the others. A
 * failure may have set some. SV_FORMAT "image.qcow2.bitmap" when there is no such bitmap, or none
 * that was closed in order, of a disk of that size; "image.qcow2.header", "image.qcow2.table";
 * SV_SYSTEM "image.qcow2.read". */
int sv_qcow2_read_bitmap(int fd, const char *path, const char *name, uint64_t size, bool *marks,
                         struct sv_err *err);
