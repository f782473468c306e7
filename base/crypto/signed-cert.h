/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate (RFC 5280, section 4.1) as bytes that a key signed, for a process that holds what a
 * stranger's certificate must not reach: the bounded reader walks it as far as its key, and nothing
 * else of it is read, but extensions that are asked for. Names, dates, revocation and what
 * extensions forbid are for who reads it whole (base/crypto/x509.h). Pure. */
#pragma once

#include "base/crypto/crypto.h"

struct sv_signed_cert {             /* views into the certificate */
        struct sv_bytes tbs;        /* what is signed: the element, with tag and length */
        struct sv_bytes signature;  /* the BIT STRING's bytes */
        struct sv_bytes spki;       /* SubjectPublicKeyInfo, with tag and length */
        struct sv_bytes extensions; /* the sequence's contents; empty: there are none */
};

/* Whole input. SV_FORMAT `check`. */
int sv_signed_cert_read(struct sv_bytes der, struct sv_signed_cert *out, const char *check,
                        struct sv_err *err);
/* The contents of the OCTET STRING of the extension with this OID (its DER contents). */
bool sv_signed_cert_ext(const struct sv_signed_cert *c, struct sv_bytes oid,
                        struct sv_bytes *value);
/* RSA, or a point on P-256 or P-384, in the one form that each of them has. SV_FORMAT `check`. */
struct sv_key *sv_signed_cert_key(const struct sv_signed_cert *c, const char *check,
                                  struct sv_err *err);
/* Is each of the n certificates signed with this scheme by the key of the next, which is a CA? What
 * the last one is, its caller knows it by. *leaf is the first, read. SV_FORMAT, SV_PROOF `check`.
 */
int sv_signed_chain_check(const struct sv_bytes *ders, size_t n, enum sv_scheme scheme,
                          struct sv_signed_cert *leaf, const char *check, struct sv_err *err);
