/* SPDX-License-Identifier: Apache-2.0 */
/* The signature around a CoRIM: COSE_Sign1 (RFC 9052 section 4.2) with ES256, and the times in and
 * around it. Pure. */
#pragma once

#include "base/core/cbor.h"
#include "base/crypto/crypto.h"

/* *payload is what is signed, in `text`; all of it when nothing signs it, which is SV_USAGE
 * "corim.unsigned" with a key. SV_USAGE "corim.key" when it is signed and there is no key,
 * SV_FORMAT "corim.cbor", "corim.form", "corim.alg", "corim.crit", "corim.time", SV_PROOF
 * "corim.signature", "corim.validity". */
int sv_corim_open(struct sv_bytes text, const struct sv_key *key, int64_t time,
                  struct sv_bytes *payload, struct sv_err *err);
/* Appends it, signed by a private key of P-256. */
int sv_corim_seal(struct sv_bytes payload, const struct sv_key *key, const char *signer,
                  struct sv_buf *out, struct sv_err *err);

/* 1(seconds since 1970). SV_FORMAT "corim.time". */
int sv_corim_read_time(const struct sv_cbor *item, int64_t *seconds, struct sv_err *err);
/* Is it a map that has a time? One that has none would count for ever. SV_FORMAT "corim.time". */
int sv_corim_check_validity(const struct sv_cbor *validity, struct sv_err *err);
void sv_corim_put_time(struct sv_buf *out, int64_t seconds);
