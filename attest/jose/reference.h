/* SPDX-License-Identifier: Apache-2.0 */
/* A reference set (policy/reference.h) as its author has signed it: a JWS in compact form, ES256,
 * with the header {"alg":"ES256","typ":"secure-vm-reference-set"}. */
#pragma once

#include "base/crypto/crypto.h"
#include "base/json/json.h"

/* Checks the set and appends it, signed. The key is private, P-256. */
int sv_reference_sign(const struct sv_key *key, struct sv_bytes set, struct sv_buf *out,
                      struct sv_err *err);
/* Its form; with a key (public) also its signature: SV_PROOF "reference.signature". Without one
 * nothing of it is to be believed. The caller frees *set. SV_FORMAT "reference.form|.alg|.typ|…".
 */
int sv_reference_open(struct sv_bytes text, const struct sv_key *key, struct sv_json **set,
                      struct sv_err *err);
