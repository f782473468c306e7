/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS2 through libcryptsetup, in user space: no loop device, no device-mapper, no root.
 * luks/crypt*.c are the only files that see the library. */
#pragma once

#include <stdint.h>

#include "base/core/secret.h"

/* Where the data begin: the header and its key slots lie before. The file grows by as much when it
 * is encrypted. */
#define SV_LUKS_DATA_OFFSET (16u << 20)

/* Encrypt a file system image (whole blocks of 4096 bytes) in place: LUKS2, aes-xts-plain64 with a
 * 512-bit volume key that the library makes and keeps, one key slot that `key` opens (PBKDF2 with
 * its minimum of work: the key is random, stretching it adds nothing). Uses "<path>.header" for a
 * moment. On failure the file's contents are undefined. SV_SYSTEM "luks.encrypt". */
int sv_luks_encrypt(const char *path, struct sv_secret *key, struct sv_err *err);

/* Does `key` open the volume in this file? 0, or SV_PROOF "luks.key". Nothing is activated. */
int sv_luks_try(const char *path, struct sv_secret *key, struct sv_err *err);
