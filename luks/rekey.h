/* SPDX-License-Identifier: Apache-2.0 */
/* Another key for a volume, by its header alone: the data stay as they are. */
#pragma once

#include "base/core/buf.h"
#include "base/core/secret.h"

/* The header of the same volume, opened by `to` instead of `from`, appended to `out`: both headers
 * and the key slot's area, everything that lies before the data and is not zero. `head` begins a
 * volume of ours (luks/header.h). Works on a copy in memory. SV_PROOF "luks.key" when `from` does
 * not open it, SV_SYSTEM "luks.rekey", and what sv_luks_header_parse says. */
int sv_luks_rekey(struct sv_bytes head, struct sv_secret *from, struct sv_secret *to,
                  struct sv_buf *out, struct sv_err *err);
/* Whoever gets a new header for a disk of his own asks first: is it a header of ours, of the same
 * volume, with the same volume key? SV_PROOF "luks.rekey.volume". */
int sv_luks_same_volume(struct sv_bytes before, struct sv_bytes after, struct sv_err *err);
