/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS2 through libcryptsetup, in user space: no loop device, no device-mapper, no root.
 * luks/crypt.c, open.c, rekey.c and dm-verity.c are the only files that see the library. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/core/secret.h"
#include "base/core/source.h"

/* Where the data begin: the header and its key slots lie before. */
#define SV_LUKS_DATA_OFFSET (16u << 20)

struct sv_luks_in {
        struct sv_source plain; /* what is to be encrypted: whole blocks of 4096 bytes */
        /* Grows to SV_LUKS_DATA_OFFSET + the size, with integrity to sv_integrity_for. It may be
         * `plain` with the contents where the data go, with integrity at its beginning: then they
         * are overwritten where they are. */
        int out;
        int (*stop)(void);            /* asked now and then; may be NULL */
        bool integrity;               /* with tags: luks/integrity.h */
        struct sv_progress *progress; /* may be NULL */
};

/* An encrypted volume: LUKS2, aes-xts-plain64 with a new 512-bit volume key, one key slot that
 * `key` opens (PBKDF2 with its minimum of work: the key is random, stretching it adds nothing).
 * With integrity a volume key of 768 bits, a third of which is for hmac-sha256.
 * What is free in `plain` is a hole in `out`, except with integrity: there each block has its tag.
 * Nothing of the contents is written anywhere but encrypted. On failure `out` is undefined.
 * SV_SYSTEM "luks.encrypt", SV_SYSTEM "image.interrupted". */
int sv_luks_encrypt(const struct sv_luks_in *in, struct sv_secret *key, struct sv_err *err);

/* Does `key` open the volume in this file? 0, or SV_PROOF "luks.key". Nothing is activated. */
int sv_luks_try(const char *path, struct sv_secret *key, struct sv_err *err);
