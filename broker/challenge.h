/* SPDX-License-Identifier: Apache-2.0 */
/* The challenge of a session, kept by whom it is for. What the broker has to know again when the
 * evidence comes (nonce, TEE, the TEE's own secret, until when) is sealed into the session's
 * cookie. So a challenge costs no memory and no write, and every broker with this kek reads it.
 *
 *      cookie = base64url( nonce (32) ‖ tag (16) ‖ AES-256-GCM( expires (8, big endian) ‖
 *               protocol (2 bits), length of the TEE's name (6 bits) ‖ name ‖
 *               secret (0 or more) ) )
 *
 * The key is HMAC-SHA256(kek, "secure-vm challenge v1" ‖ nonce): one for each challenge, so that no
 * number of strangers uses up a key, and its IV may be zeros. The session's id, in database and
 * audit record, is the SHA-256 of the nonce: of one nonce there is one id, however the cookie is
 * written, and from the id nobody makes the cookie. */
#pragma once

#include "attest/kbs/kbs.h"
#include "base/core/secret.h"
#include "broker/broker.h"

#define SV_CHALLENGE_NONCE   32
#define SV_CHALLENGE_TEE_MAX 16
#define SV_CHALLENGE_SECRET_MAX \
        64 /* with it the cookie is shorter than the 256 that clients take */

struct sv_challenge {
        uint8_t nonce[SV_CHALLENGE_NONCE];
        char id[65];
        char tee[SV_CHALLENGE_TEE_MAX + 1]; /* KBS name */
        enum sv_kbs_protocol protocol;
        int64_t expires;
        struct sv_secret *secret; /* NULL: none */
};
void sv_challenge_free(struct sv_challenge *c);
#define SV_CHALLENGE __attribute__((cleanup(sv_challenge_free))) struct sv_challenge

/* A fresh nonce and its id. */
int sv_challenge_new(struct sv_challenge *c, struct sv_err *err);
/* Appends the cookie's value. */
int sv_challenge_seal(const struct sv_broker *b, const struct sv_challenge *c,
                      struct sv_buf *cookie, struct sv_err *err);
/* SV_PROOF "broker.session.unknown": not sealed by a broker with this kek, or its time is over.
 * *out must be zeroed. */
int sv_challenge_open(const struct sv_broker *b, struct sv_bytes cookie, int64_t now,
                      struct sv_challenge *out, struct sv_err *err);
