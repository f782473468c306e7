/* SPDX-License-Identifier: Apache-2.0 */
/* Open a disk in the guest. */
#pragma once

#include "base/core/secret.h"

/* Makes /dev/mapper/<name> from `device` by this header (sv_luks_header_copy: the only header the
 * library gets to see; it lives in memory, so that the host cannot change it meanwhile). `discard`
 * lets blocks that are free show on the disk. SV_PROOF "luks.key" when the key does not open it,
 * SV_SYSTEM "luks.open". */
int sv_luks_open(struct sv_bytes header, const char *device, const char *name, bool discard,
                 struct sv_secret *key, struct sv_err *err);
