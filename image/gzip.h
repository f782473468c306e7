/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) and zlib (RFC 1950). The only file pair that sees zlib. */
#pragma once

#include "base/core/buf.h"

/* Appends what one member holds, which must be all of `in`; more than max bytes, damaged or cut
 * short: SV_FORMAT "image.gzip". */
int sv_gzip_decode(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err);
/* The same of a zlib stream, and what follows its end is not looked at. */
int sv_zlib_decode(struct sv_bytes in, size_t max, struct sv_buf *out, struct sv_err *err);
