/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: keys from JWKs with private members, and certificates with the faults that a verifier
 * must see. */
#pragma once

#include "base/json/json.h"
#include "base/crypto/x509.h"

/* EC or RSA JWK with its private part. Ends the test program when it cannot. */
struct sv_key *pki_private_jwk(const struct sv_json *jwk);

struct pki_spec { /* NULL or 0: left out, or a sensible value */
        const char *cn;
        /* basicConstraints value, "critical,CA:TRUE,pathlen:0"; NULL: none */
        const char *basic;
        const char *usage;             /* keyUsage value */
        const char *critical;          /* dotted OID of an unknown critical extension */
        int64_t not_before, not_after; /* default PKI_FROM .. PKI_TO */
        bool sha1;
};
#define PKI_NOW  1800000000
#define PKI_FROM (PKI_NOW - 86400)
#define PKI_TO   (PKI_NOW + 86400)

/* issuer NULL: self-signed. */
struct sv_cert *pki_cert(const struct pki_spec *spec, const struct sv_key *key,
                         const struct sv_cert *issuer, const struct sv_key *issuer_key);
/* DER CRL of this issuer; revokes `revoked` when not NULL. */
void pki_crl(const struct sv_cert *issuer, const struct sv_key *issuer_key,
             const struct sv_cert *revoked, int64_t next_update, struct sv_buf *der);
/* One of exactly so many bytes, which revokes nothing. */
void pki_crl_of_size(const struct sv_cert *issuer, const struct sv_key *issuer_key, size_t size,
                     struct sv_buf *der);
