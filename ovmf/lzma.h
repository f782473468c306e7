/* SPDX-License-Identifier: Apache-2.0 */
/* LZMA as edk2's LzmaCompress writes it ("LZMA alone": 13-byte header, then the stream). The only
 * file pair that sees liblzma. */
#pragma once

#include "base/core/buf.h"

/* Appends the decoded bytes, at most `max`. The input must be one stream and nothing else.
 * SV_FORMAT "ovmf.lzma" / "ovmf.lzma.size". */
int sv_lzma_decode(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err);
/* Appends what one .xz stream holds (kernel modules), which must be all of `in`; more than max
 * bytes, damaged or cut short: SV_FORMAT "ovmf.xz". */
int sv_xz_decode(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err);
