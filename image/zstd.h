/* SPDX-License-Identifier: Apache-2.0 */
/* Zstandard (RFC 8878). The only file pair that sees libzstd. */
#pragma once

#include "base/core/buf.h"

/* Appends one frame with a checksum. One thread and fixed parameters: equal input and library give
 * equal output. */
int sv_zstd_compress(struct sv_bytes in, struct sv_buf *out, struct sv_err *err);
/* Appends the content of all frames; more than max bytes, or bytes that are no frame: SV_FORMAT
 * "image.zstd". */
int sv_zstd_decompress(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err);
/* The same of the first frame; what follows it is not looked at. */
int sv_zstd_decompress_first(struct sv_bytes in, size_t max, struct sv_buf *out,
                             struct sv_err *err);
