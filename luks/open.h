/* SPDX-License-Identifier: Apache-2.0 */
/* Open a disk in the guest. */
#pragma once

#include "base/core/secret.h"

/* Makes /dev/mapper/<name> from `device` by this header (sv_luks_header_copy). The library sees no
 * other header, and this one is in memory, where the host cannot change it. With `discard` free
 * blocks are passed on to the device, so that the host can see which they are. SV_PROOF "luks.key"
 * when the key does not open it, SV_SYSTEM "luks.open". */
int sv_luks_open(struct sv_bytes header, const char *device, const char *name, bool discard,
                 struct sv_secret *key, struct sv_err *err);
/* Takes it away again: nobody may go on with a disk that was refused. SV_SYSTEM "luks.open". */
int sv_luks_close(const char *name, struct sv_err *err);
