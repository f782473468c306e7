/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the KBS attestation protocol 0.4.0 (request, challenge, attestation, token answer,
 * error), both directions, and what a broker needs of its older versions. Pure. Structures own what
 * they point to. Unknown members are accepted, as the protocol's other implementations send some.
 */
#pragma once

#include "base/crypto/crypto.h"
#include "base/json/json.h"

#define SV_KBS_VERSION      "0.4.0"
#define SV_KBS_BINDING_SIZE 48
#define SV_KBS_NONCE_SIZE   32
/* a header field of this project, sent with a released resource: why it was released, in one line
 * of printable ASCII */
#define SV_KBS_GROUNDS      "Secure-VM-Grounds"

/* Versions of the protocol, newest first. What differs: attest/kbs/old.c. */
enum sv_kbs_protocol { SV_KBS_0_4_0, SV_KBS_0_2_0, SV_KBS_0_1_1, SV_N_KBS_PROTOCOLS };

/* a header field that a client may send, and every answer of ours has: what both sides' logs and
 * the audit record call this exchange */
#define SV_KBS_REQUEST_ID "X-Request-Id"

#define SV_KBS_NAME_SIZE 32 /* of a TEE's name on the wire, with its end */
struct sv_kbs_request {
        char version[16];
        char tee[SV_KBS_NAME_SIZE];
        struct sv_json *params; /* extra-params: any JSON value */
};
struct sv_kbs_challenge {
        char nonce[128];        /* text as it travels: base64 of 32 bytes */
        struct sv_json *params; /* NULL when "" */
};
/* The guest's key as the protocol types it: exactly these members are hashed. EC: kty alg crv x y;
 * RSA: kty alg n e. */
struct sv_kbs_pubkey {
        char kty[8];
        char alg[24];
        char crv[8];
        char *a; /* x or n */
        char *b; /* y or e */
};
struct sv_kbs_attestation {
        char nonce[128];
        struct sv_kbs_pubkey key;
        struct sv_json *evidence; /* primary_evidence */
        char *additional;         /* additional_evidence: a string, "" when none */
        char *init_data;          /* init-data's body, as it was sent; NULL: none */
};
struct sv_kbs_error {
        char name[64]; /* last part of `type`: "PolicyDeny" */
        char detail[1024];
        char check[64];      /* "" when the broker names none (a Trustee) */
        enum sv_class class; /* SV_OK when it names none */
};

void sv_kbs_request_free(struct sv_kbs_request *m);
void sv_kbs_challenge_free(struct sv_kbs_challenge *m);
void sv_kbs_pubkey_free(struct sv_kbs_pubkey *m);
void sv_kbs_attestation_free(struct sv_kbs_attestation *m);
#define SV_KBS_REQUEST   __attribute__((cleanup(sv_kbs_request_free))) struct sv_kbs_request
#define SV_KBS_CHALLENGE __attribute__((cleanup(sv_kbs_challenge_free))) struct sv_kbs_challenge
#define SV_KBS_PUBKEY    __attribute__((cleanup(sv_kbs_pubkey_free))) struct sv_kbs_pubkey
#define SV_KBS_ATTESTATION \
        __attribute__((cleanup(sv_kbs_attestation_free))) struct sv_kbs_attestation

/* Parsers: SV_FORMAT "kbs.<message>.json|.member|…"; *out must be zeroed and is filled only on
 * success. A version other than 0.4.0 is not an error here. */
int sv_kbs_parse_request(struct sv_bytes text, struct sv_kbs_request *out, struct sv_err *err);
int sv_kbs_parse_challenge(struct sv_bytes text, struct sv_kbs_challenge *out, struct sv_err *err);
int sv_kbs_parse_attestation(struct sv_bytes text, struct sv_kbs_attestation *out,
                             struct sv_err *err);
/* additional_evidence: "" (*out stays NULL), or an object of further evidence by the name of its
 * TEE or device, at most SV_ADDITIONAL_MAX in SV_FURTHER_SIZE_MAX bytes, names of at most 31
 * characters. The caller frees *out.
 * SV_FORMAT "kbs.additional", "kbs.additional.json". */
int sv_kbs_parse_additional(const char *text, struct sv_json **out, struct sv_err *err);
/* What a message has as "init-data": {"format":"toml","body":"…"}, at most SV_INIT_DATA_MAX bytes;
 * *out stays NULL when it has none. The caller frees. SV_FORMAT "kbs.init-data". */
int sv_kbs_take_init_data(const struct sv_json *message, char **out, struct sv_err *err);
/* The message of 0.2.0 and 0.1.1, which names no nonce (out->nonce is "") and has one evidence. */
int sv_kbs_parse_old_attestation(struct sv_bytes text, struct sv_kbs_attestation *out,
                                 struct sv_err *err);
/* Appends the token. */
int sv_kbs_parse_token(struct sv_bytes text, struct sv_buf *token, struct sv_err *err);
int sv_kbs_parse_error(struct sv_bytes text, struct sv_kbs_error *out, struct sv_err *err);

/* Writers append JSON text. `params` may be NULL (then supported-hash-algorithms alone, or ""). */
void sv_kbs_write_request(const char *tee, const struct sv_json *params, struct sv_buf *out);
void sv_kbs_write_challenge(const char *nonce, const struct sv_json *params, struct sv_buf *out);
void sv_kbs_write_attestation(const char *nonce, const struct sv_kbs_pubkey *key,
                              const struct sv_json *evidence, struct sv_buf *out);
void sv_kbs_write_token(const char *token, struct sv_buf *out);
/* The error document: type, detail "<check>: <message>", and our members check and class. */
void sv_kbs_write_error(const char *name, const struct sv_err *what, struct sv_buf *out);

/* What became of a released resource, in the guest's own word (docs/FORMATS.md, "Outcome"):
 * `failed` is NULL when the disk is open. */
void sv_kbs_write_outcome(const struct sv_err *failed, struct sv_buf *out);
/* failed->class is SV_OK when it is open. Its texts are printable and bounded. SV_FORMAT
 * "kbs.outcome". */
int sv_kbs_parse_outcome(struct sv_bytes text, struct sv_err *failed, struct sv_err *err);

/* SHA-384 of the canonical JSON (RFC 8785) of {"additional-evidence","nonce","tee-pubkey"}: what
 * evidence must be bound to. Without the first member when `additional` is NULL, as before 0.3.0.
 */
int sv_kbs_binding_digest(const char *additional, const char *nonce,
                          const struct sv_kbs_pubkey *key, uint8_t digest[SV_KBS_BINDING_SIZE],
                          struct sv_err *err);
/* The typed view of a JWK: SV_FORMAT "kbs.tee-pubkey". sv_kbs_pubkey_to_key checks whether the
 * algorithm is supported. */
int sv_kbs_parse_pubkey(const struct sv_json *jwk, struct sv_kbs_pubkey *out, struct sv_err *err);
/* The typed key as a JSON object (caller frees), and from a key of ours. */
struct sv_json *sv_kbs_pubkey_json(const struct sv_kbs_pubkey *key);
int sv_kbs_pubkey_from_key(const struct sv_key *key, struct sv_kbs_pubkey *out, struct sv_err *err);
/* From its JSON form; only the allowed pairs: EC P-256/P-521 with ECDH-ES+A256KW, RSA with
 * RSA-OAEP-256. SV_FORMAT "kbs.tee-pubkey". */
int sv_kbs_pubkey_to_key(const struct sv_kbs_pubkey *key, struct sv_key **out, struct sv_err *err);

/* The key of 0.1.1: RSA with RSA1_5 and no other. SV_FORMAT "kbs.tee-pubkey". */
int sv_kbs_pubkey_to_old_key(const struct sv_kbs_pubkey *key, struct sv_key **out,
                             struct sv_err *err);
bool sv_kbs_pubkey_is_old(const struct sv_kbs_pubkey *key);
/* "0.2.0"; false when there is no such version here. */
bool sv_kbs_find_protocol(const char *version, enum sv_kbs_protocol *out);
const char *sv_kbs_protocol_name(enum sv_kbs_protocol p);

/* The failure that an error answer stands for: its own class and check, or what the name means
 * (PolicyDeny: SV_POLICY "kbs.policy-deny"). Returns -1. `status` is the HTTP status, `body` what
 * came with it (also when it is no error document). */
int sv_kbs_fail(int status, struct sv_bytes body, struct sv_err *err);
