/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Object Signing and Encryption, as far as the KBS protocol needs it and no further: JWK (RFC
 * 7517), JWE in flattened JSON (RFC 7516) with ECDH-ES+A256KW or RSA-OAEP-256 and A256GCM, JWS
 * compact (RFC 7515) with ES256. An algorithm that is not named here is refused by name; nothing is
 * tried until it fits. Plaintexts are struct sv_secret and never stand in a JSON object. */
#pragma once

#include "base/crypto/crypto.h"
#include "base/json/json.h"

/* --- keys --- */
/* {"kty","alg","crv","x","y"} or {"kty","alg","n","e"}: exactly these members (the KBS binding
 * hashes them). alg may be NULL, then the member is left out. P-256, P-384, P-521 and RSA. NULL on
 * failure; the caller frees. */
struct sv_json *sv_jwk_from_key(const struct sv_key *key, const char *alg, struct sv_err *err);
/* The public key of a JWK. Coordinates must have the curve's size, points must be on it, n and e
 * must be minimal. With alg not NULL the member must be there and equal. Private members and
 * members unknown here are ignored. SV_FORMAT "<check>.kty|.alg|.crv|.member|…". */
struct sv_key *sv_jwk_to_key(const struct sv_json *jwk, const char *alg, const char *check,
                             struct sv_err *err);
/* RFC 7638 with SHA-256, base64url, 43 characters. */
int sv_jwk_thumbprint(const struct sv_key *key, char out[44], struct sv_err *err);

/* --- JWE --- */
/* Appends the flattened JSON: P-256 and P-521 keys by ECDH-ES+A256KW, RSA by RSA-OAEP-256. */
int sv_jwe_seal(const struct sv_key *to, struct sv_secret *plain, struct sv_buf *out,
                struct sv_err *err);
/* The answer of KBS 0.1.1, for an RSA key: RSA1_5, the header as plain text and authenticated by
 * nothing, the tag behind the ciphertext, "tag" empty. sv_jwe_open refuses it. */
int sv_jwe_seal_old(const struct sv_key *to, struct sv_secret *plain, struct sv_buf *out,
                    struct sv_err *err);
/* Opens with our private key; the algorithm must be the one of the key's type. SV_FORMAT
 * "jwe.json|.member|.unknown|.protected|
 * .protected.json|.protected.member|.alg|.enc|.zip|.crit|.party|.epk.…|.iv|.tag.size|.encrypted_key",
 * SV_PROOF "jwe.key" (the key does not open it) or "jwe.tag" (changed on the way). */
struct sv_secret *sv_jwe_open(const struct sv_key *ours, struct sv_bytes text, struct sv_err *err);

/* --- JWS --- */
struct sv_jws {
        /* protected header, an object; not trustworthy before sv_jws_verify */
        struct sv_json *header;
        struct sv_buf payload;       /* likewise */
        struct sv_buf signature;     /* 64 bytes */
        struct sv_bytes signed_part; /* header.payload, in the text that was parsed */
};
void sv_jws_free(struct sv_jws *jws);
#define SV_JWS __attribute__((cleanup(sv_jws_free))) struct sv_jws
/* Compact form; "alg" must be "ES256", "crit" and "b64" are refused. *out zeroed; filled on
 * success; `text` must outlive it. SV_FORMAT "<check>.form|.alg|.crit|.signature|.header.json|…".
 */
int sv_jws_parse(struct sv_bytes text, struct sv_jws *out, const char *check, struct sv_err *err);
/* SV_PROOF "<check>.signature". The key must be P-256. */
int sv_jws_verify(const struct sv_jws *jws, const struct sv_key *key, const char *check,
                  struct sv_err *err);
/* Appends the compact form; sets "alg" itself, `header` may be NULL or holds further members. The
 * key must be P-256, private. */
int sv_jws_sign(const struct sv_key *key, const struct sv_json *header, struct sv_bytes payload,
                struct sv_buf *out, struct sv_err *err);
