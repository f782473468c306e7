/* SPDX-License-Identifier: Apache-2.0 */
/* The LUKS2 header of a volume that cryptsetup made, for a passphrase that a broker releases. It
 * comes from whoever can write the disk, and the distribution's library would take what gives such
 * a one the volume: a key slot whose area is not encrypted opens with any passphrase to a key that
 * he knows. So the header is read once, everything in it that decides is held to a list, and the
 * library is given the copy (cryptsetup --header). Pure. */
#pragma once

#include "base/core/buf.h"
#include "luks/token/token.h"

/* Bytes of both headers and the key slots, as the first SV_LUKS_HEAD_SIZE bytes say; at most
 * SV_LUKS_HEADER_MAX. SV_FORMAT "luks.header.*". */
int sv_luks_foreign_size(struct sv_bytes head, size_t *size, struct sv_err *err);
/* `head` has that many bytes. Appends the copy: the header and the key slots; the second header is
 * zeros, so that the library does not take that one. SV_FORMAT "luks.header.*"; SV_PROOF
 * "luks.foreign.token": the volume has not this token, or further ones of its type. */
int sv_luks_foreign_copy(struct sv_bytes head, const struct sv_token *token, struct sv_buf *out,
                         struct sv_err *err);
