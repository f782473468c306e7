/* SPDX-License-Identifier: Apache-2.0 */
/* Chains to Intel's SGX root, which is pinned here. Pure. */
#pragma once

#include "base/crypto/x509.h"

struct sv_tdx_chain {
        struct sv_certs certs;      /* owned; in the order of the PEM */
        const struct sv_cert *leaf; /* in certs */
        const struct sv_cert *root; /* in certs, pinned */
        bool test_root;             /* not Intel's */
        int64_t expires;            /* the first notAfter */
};

void sv_tdx_chain_free(struct sv_tdx_chain *c);
#define SV_TDX_CHAIN __attribute__((cleanup(sv_tdx_chain_free))) struct sv_tdx_chain

/* Is the certificate with this SHA-256 Intel's own root? */
bool sv_tdx_root_is_intel(const uint8_t sha256[32]);

struct sv_tdx_roots {
        const struct sv_certs *test; /* trusted beside Intel's; NULL: none */
        bool any;                    /* so is any other of that name */
};

/* PEM with leaf, intermediates and root in any order. The leaf is the one that is no CA by name.
 * SV_PROOF "<check>.chain" when it is not whole, "tdx.root" when the root is not Intel's nor one of
 * the others. */
int sv_tdx_chain_parse(struct sv_bytes pem, struct sv_tdx_roots roots, const char *check,
                       struct sv_tdx_chain *out, struct sv_err *err);
/* The same of certificates that are read already; takes them over, also on failure. */
int sv_tdx_chain_take(struct sv_certs *certs, struct sv_tdx_roots roots, const char *check,
                      struct sv_tdx_chain *out, struct sv_err *err);
/* Signatures, dates, CRLs (one for each issuer): "<check>.chain", ".expired", ".revoked", ".crl".
 */
int sv_tdx_chain_verify(const struct sv_tdx_chain *c, const struct sv_bytes *crls, size_t n_crls,
                        int64_t time, const char *check, struct sv_err *err);
