/* SPDX-License-Identifier: Apache-2.0 */
/* What "inspect" says of the files that secure-vm itself makes or reads: encrypted disk, initramfs,
 * guest file, policy, audit log; and of certificates and revocation lists. Nothing is verified. */
#pragma once

#include "base/json/json.h"

/* An encrypted disk, by its beginning: disks are larger than what is read whole. *out stays NULL
 * when it is none, or cannot be opened. SV_FORMAT "luks.header.*": one that no agent of ours
 * opens. */
int sv_inspect_disk(const char *path, struct sv_json **out, struct sv_err *err);
/* Everything else; `path` is where the file lies. *out stays NULL when it is none of them. An error
 * of its own reader when it is one that is malformed. */
int sv_inspect_own(const char *path, struct sv_bytes file, struct sv_json **out,
                   struct sv_err *err);
