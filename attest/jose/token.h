/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens (RFC 7519), ES256 only: the attestation result (EAR in the form that Trustee
 * writes and reads) and the administrator's short-lived proof of identity. Time is an argument.
 * Verification is against a key that the caller already trusts; a key in the header is never
 * believed, only compared. */
#pragma once

#include "base/crypto/x509.h"
#include "base/json/json.h"

/* seconds that two clocks may differ: for iat and nbf, never for exp */
#define SV_TOKEN_LEEWAY     30
#define SV_ADMIN_TOKEN_LIFE 120 /* seconds from iat to exp of an admin token that we make */
#define SV_ADMIN_TOKEN_MAX  120 /* longest that we accept */

/* --- attestation result --- */
struct sv_ear {             /* borrowed, all of it */
        int64_t iat, exp;   /* seconds since 1970 */
        const char *issuer; /* "secure-vm-broker" */
        /* KBS name: the member of the annotated evidence that holds `claims` */
        const char *tee;
        const char *policy_id;         /* which policy appraised it */
        const struct sv_json *verdict; /* sv_verdict_json(): {"status","vector","reasons"} */
        const struct sv_json *claims;  /* of the TEE's verify */
        /* {"nonce","tee-pubkey","additional-evidence"} as it was bound */
        const struct sv_json *runtime_data;
};
/* Appends the token. chain (leaf first, for header jwk.x5c) may be NULL. */
int sv_ear_sign(const struct sv_ear *ear, const struct sv_key *signer, const struct sv_certs *chain,
                struct sv_buf *out, struct sv_err *err);
/* Form, key, signature, times, and only then what is said. *payload (may be NULL; the caller frees)
 * is the whole claims set. SV_FORMAT "token.form|.alg|.crit|.header.json|.member|.payload.json",
 * SV_PROOF "token.key" (its header names another key than the one trusted), ".signature",
 * ".expired", ".early"; from policy/verdict.h SV_FORMAT "verdict.vector" and SV_PROOF
 * "verdict.status" (the status is better than the vector says). */
int sv_ear_verify(struct sv_bytes token, const struct sv_key *signer, int64_t now,
                  struct sv_json **payload, struct sv_err *err);
/* /submods/cpu0/ear.veraison.annotated-evidence/runtime_data_claims/tee-pubkey; NULL when absent.
 * Borrowed. */
struct sv_json *sv_ear_tee_key(const struct sv_json *payload);
/* Status of submod cpu0 ("affirming", …); NULL when absent. */
const char *sv_ear_status(const struct sv_json *payload);

/* --- administrator --- */

/* What one token is good for: this request to this broker, once. */
struct sv_admin_request {   /* borrowed, all of it */
        const uint8_t *pin; /* 32 bytes: of the broker's TLS key */
        const char *method;
        const char *target; /* as the broker sees it, with its query */
        struct sv_bytes body;
};
#define SV_ADMIN_TOKEN_ID 33 /* 32 hex digits */

/* Members: role "admin", iat now, exp a little later, jti random, aud "sha256:<pin>", htm and htu
 * as in RFC 9449 (htu without scheme and host), body_sha256 in hex. */
int sv_admin_token_sign(const struct sv_key *admin, const struct sv_admin_request *request,
                        int64_t now, struct sv_buf *out, struct sv_err *err);
/* SV_PROOF "admin.token.signature|.expired|.early|.life|.role", ".broker" (it is for another one),
 * ".request" (for another method, path or body), SV_FORMAT "admin.token.form|.alg|.id|…". That it
 * is used once is the caller's to see to, by id and expires. */
int sv_admin_token_verify(struct sv_bytes token, const struct sv_key *admin,
                          const struct sv_admin_request *request, int64_t now,
                          char id[SV_ADMIN_TOKEN_ID], int64_t *expires, struct sv_err *err);
