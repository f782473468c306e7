/* SPDX-License-Identifier: Apache-2.0 */
/* A volume whose blocks have authentication tags (dm-crypt over dm-integrity), made in user space:
 * aes-xts-plain64 of 4096-byte sectors with hmac-sha256 over place and ciphertext. */
#pragma once

#include "luks/crypt.h"

#define SV_LUKS_AEAD_KEY_SIZE 96 /* 64 bytes of XTS, 32 of HMAC: as dm-crypt takes them apart */

/* Encrypts the contents into in->out, with their tags, a clean journal and the superblock. Begins
 * at the end: the contents may lie in in->out themselves, at its beginning, and nothing of them
 * stays. What lies before SV_LUKS_DATA_OFFSET is zeros afterwards. */
int sv_luks_aead_encrypt(const struct sv_luks_in *in, struct sv_secret *volume_key,
                         struct sv_err *err);
/* libcryptsetup makes such headers through device-mapper only. This makes one of what it makes in
 * user space: a volume of plain blocks and, in key slot 0, a volume key of the size above that is
 * not yet the segment's. Both headers of the file are rewritten. */
int sv_luks_aead_header(int fd, uint64_t data_size, struct sv_err *err);
