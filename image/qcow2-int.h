/* SPDX-License-Identifier: Apache-2.0 */
/* What image/qcow2*.c share. */
#pragma once

#include "image/qcow2.h"

#define SV_QCOW2_HEADER   104u
#define SV_QCOW2_OFFSET   0x00fffffffffffe00u /* of a table's entry: where it points to */
#define SV_QCOW2_EXTERNAL (1ull << 2)         /* incompatible feature: data are in another file */

/* `features`: the incompatible ones that it has, all of them. */
int sv_qcow2_make_as(int fd, const char *path, uint64_t size, uint64_t features,
                     struct sv_err *err);
int sv_qcow2_open_as(int fd, const char *path, uint64_t features, struct sv_qcow2 *out,
                     struct sv_err *err);
/* All n bytes, or SV_FORMAT "image.qcow2.table", SV_SYSTEM "image.qcow2.read". */
int sv_qcow2_read_at(const struct sv_qcow2 *q, uint64_t at, uint8_t *out, size_t n,
                     struct sv_err *err);
