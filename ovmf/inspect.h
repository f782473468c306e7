/* SPDX-License-Identifier: Apache-2.0 */
/* What firmware images, variable stores and kernels say, unverified. Pure. */
#pragma once

#include "base/crypto/x509.h"
#include "base/json/json.h"

/* An object with "kind"; *out stays NULL when the file is none of them. An error when it is one and
 * damaged. */
int sv_ovmf_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err);
/* An image that firmware starts: "kernel", "unified-kernel-image", "shim" or "pe-image", its
 * Authenticode digests, and who signed it by their own word. */
int sv_inspect_image(struct sv_bytes file, struct sv_json *out, struct sv_err *err);
/* SHA-256 of the bytes as a member. */
int sv_inspect_digest(struct sv_json *out, const char *member, struct sv_bytes bytes,
                      struct sv_err *err);
/* "subject", "issuer", "not_before", "not_after" by a certificate's own word. */
void sv_inspect_certificate(const struct sv_cert *cert, struct sv_json *row);
