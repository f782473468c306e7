/* SPDX-License-Identifier: Apache-2.0 */
/* A disk's key in a file, for whoever wants one beside the broker: the bytes that open the disk, as
 * `cryptsetup open --key-file` takes them. */
#pragma once

#include "base/core/secret.h"

/* SV_USAGE "image.recovery" when there is such a file. Nothing is made. */
int sv_recovery_check(const char *path, struct sv_err *err);
/* A new file, mode 0600, on the medium when this returns. SV_USAGE, SV_SYSTEM "image.recovery". */
int sv_recovery_write(const char *path, struct sv_secret *key, struct sv_err *err);
/* The resource of the disk that `key` opens: SV_PROOF "luks.key" when it does not, and what
 * sv_luks_header_parse says. */
struct sv_secret *sv_recovery_bind(const char *disk, struct sv_secret *key, struct sv_err *err);
