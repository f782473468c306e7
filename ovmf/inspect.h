/* SPDX-License-Identifier: Apache-2.0 */
/* What firmware images, variable stores and kernels say, unverified. Pure. */
#pragma once

#include "base/json/json.h"

/* An object with "kind"; *out stays NULL when the file is none of them. An error when it is one and
 * damaged. */
int sv_ovmf_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err);
/* An image that firmware starts: "kernel", "unified-kernel-image", "shim" or "pe-image", its
 * Authenticode digests, and who signed it by their own word. */
int sv_inspect_image(struct sv_bytes file, struct sv_json *out, struct sv_err *err);
