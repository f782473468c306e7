/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 certificates (RFC 5280). Time is always an argument; nothing is fetched. */
#pragma once

#include "base/crypto/crypto.h"

struct sv_cert;
struct sv_certs { /* an ordered list, owned */
        struct sv_cert **list;
        size_t n;
};

/* One certificate, DER, whole input. Copies. */
struct sv_cert *sv_cert_from_der(struct sv_bytes der, const char *check, struct sv_err *err);
/* Every CERTIFICATE block of a PEM text, or one DER certificate; appended. At least one. */
int sv_certs_parse(struct sv_bytes pem_or_der, struct sv_certs *out, const char *check,
                   struct sv_err *err);
/* Has one of them this SHA-256 (hex; NULL: none has)? Then *found is true, else it stays. Of a
 * certificate no more is read than that; a damaged PEM text, or one without any, is an error as
 * above. */
int sv_certs_name(struct sv_bytes pem_or_der, const char *sha256, bool *found, const char *check,
                  struct sv_err *err);
/* Is this certificate, byte for byte, one of them? NULL list: no. */
bool sv_certs_have(const struct sv_certs *certs, const struct sv_cert *cert);
/* takes ownership, also on failure */
int sv_certs_add(struct sv_certs *certs, struct sv_cert *cert, struct sv_err *err);
void sv_certs_free(struct sv_certs *certs);
#define SV_CERTS __attribute__((cleanup(sv_certs_free))) struct sv_certs
void sv_cert_free(struct sv_cert *c);
void sv_cert_freep(struct sv_cert **c);
#define SV_CERT __attribute__((cleanup(sv_cert_freep))) struct sv_cert

int sv_cert_der(const struct sv_cert *c, struct sv_buf *der, struct sv_err *err);
int sv_cert_pem(const struct sv_cert *c, struct sv_buf *pem, struct sv_err *err);
/* Its key; the caller frees. */
struct sv_key *sv_cert_key(const struct sv_cert *c, struct sv_err *err);
/* First CN of the subject or issuer, "" when there is none; out has at least 256 bytes. */
void sv_cert_subject_cn(const struct sv_cert *c, char out[256]);
void sv_cert_issuer_cn(const struct sv_cert *c, char out[256]);
void sv_cert_fingerprint(const struct sv_cert *c, uint8_t sha256[32]);
/* Seconds since 1970. */
void sv_cert_validity(const struct sv_cert *c, int64_t *not_before, int64_t *not_after);
/* The value of the extension with this dotted OID (contents of the OCTET STRING); false when
 * absent. Valid as long as c. */
bool sv_cert_ext(const struct sv_cert *c, const char *oid, struct sv_bytes *value);
/* Is this OID among the extended key usages? false when the extension is absent. */
bool sv_cert_has_eku(const struct sv_cert *c, const char *oid);

/* Is it signed with RSASSA-PSS, this digest, MGF1 with the same, and a salt as long? */
bool sv_cert_is_pss(const struct sv_cert *c, enum sv_digest alg);
/* Is its issuer its own subject, and its signature its own key's? SV_PROOF under `check` when not.
 */
int sv_cert_self_issued(const struct sv_cert *c, const char *check, struct sv_err *err);

/* Leaf to one of the roots, through `between` in any order, at `time`: signatures, validity,
 * basicConstraints, keyUsage certSign, path length, critical extensions other than those OpenSSL
 * knows and those listed in allow_critical (NULL-terminated OIDs, may be NULL). crls: DER blobs,
 * may be NULL; when given, every certificate below the root must be covered by a CRL of its issuer
 * that is valid at `time`. SHA-1 and RSA below 2048 bits are refused. A root need not be
 * self-signed. On success *root_index (may be NULL) says which root. Failures are SV_PROOF
 * "<check>.chain", ".expired", ".revoked", ".crl". */
int sv_chain_verify(const struct sv_cert *leaf, const struct sv_certs *between,
                    const struct sv_certs *roots, const struct sv_bytes *crls, size_t n_crls,
                    int64_t time, const char *const *allow_critical, size_t *root_index,
                    const char *check, struct sv_err *err);

/* What a DER CRL says (RFC 5280 section 5.1), of which nothing is verified. */
struct sv_crl {
        char issuer[256];    /* first CN, "" when there is none */
        int64_t this_update; /* seconds since 1970 */
        int64_t next_update; /* INT64_MIN: it does not say, or in no way that is known */
        size_t revoked;      /* certificates */
};
/* SV_FORMAT `check`: it is none, or bytes follow it. */
int sv_crl_read(struct sv_bytes der, struct sv_crl *out, const char *check, struct sv_err *err);
/* One CRL as PEM and nothing behind it, as DER behind what `der` holds. SV_FORMAT `check`. */
int sv_crl_from_pem(struct sv_bytes text, struct sv_buf *der, const char *check,
                    struct sv_err *err);
/* Until when a DER CRL says that it holds (nextUpdate, RFC 5280 section 5.1.2.5), seconds since
 * 1970; nothing of it is verified. SV_FORMAT `check`. */
int sv_crl_next_update(struct sv_bytes der, int64_t *next_update, const char *check,
                       struct sv_err *err);

/* A self-signed server certificate for these names (DNS names or IP addresses), for brokers made on
 * the spot and for tests. */
struct sv_cert *sv_cert_self_signed(const struct sv_key *key, const char *cn,
                                    const char *const *names, int64_t not_before, int64_t not_after,
                                    struct sv_err *err);
