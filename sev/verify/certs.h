/* SPDX-License-Identifier: Apache-2.0 */
/* VCEK, VLEK, ASK, ASVK and ARK (AMD 57230, VCEK Certificate and KDS Interface Specification): what
 * the certificates say, and the way from a VEK to one of AMD's roots, which are pinned here. Pure.
 */
#pragma once

#include "base/crypto/signed-cert.h"
#include "base/crypto/x509.h"
#include "sev/verify/report.h"

struct sv_vek { /* what a VCEK or VLEK says of the chip and the TCB that it stands for */
        enum sv_sev_key key;
        enum sv_sev_product product;
        struct sv_tcb tcb;
        uint8_t hwid[64];
        size_t hwid_size; /* 64; Turin 8; 0 for a VLEK */
        char csp_id[64];  /* VLEK: the cloud provider */
};

/* Subject, extensions 1.3.6.1.4.1.3704.1.*: SV_FORMAT "snp.vek.subject", "snp.vek.extension" (one
 * is missing, twice, no INTEGER of 0..255, unknown product). */
int sv_vek_parse(const struct sv_cert *cert, struct sv_vek *out, struct sv_err *err);

/* The same of a certificate whose subject is not looked at. */
int sv_vek_read(const struct sv_signed_cert *cert, enum sv_sev_key key, struct sv_vek *out,
                struct sv_err *err);

struct sv_sev_root { /* the ARK that a chain was verified with */
        uint8_t sha256[32];
        bool amd; /* one of those built in */
};
/* Is the certificate with this SHA-256 AMD's own root of this product? */
bool sv_sev_root_is_amd(const uint8_t sha256[32], enum sv_sev_product product);

/* AMD's certificates (PEM) above keys of this kind, ASK or ASVK and ARK; false when none are built
 * in. */
bool sv_sev_builtin(enum sv_sev_product product, enum sv_sev_key key, struct sv_bytes *issuer,
                    struct sv_bytes *ark);
/* Adds those of the built-in ones that `ca` lacks for this VEK. They are verified as any. */
int sv_sev_complete_ca(const struct sv_vek *vek, struct sv_certs *ca, struct sv_err *err);

struct sv_sev_chain {
        const struct sv_cert *vek;
        const struct sv_certs *ca; /* ASK or ASVK, and the ARK, in any order */
        const struct sv_bytes *crls;
        size_t n_crls;                     /* 0: not checked */
        const struct sv_certs *test_roots; /* trusted beside AMD's; NULL: none */
        bool any_root;                     /* any that signed itself; *root says which one */
        int64_t time;
};

/* VEK <- ASK/ASVK <- ARK, the ARK pinned by its SHA-256, each signed with RSASSA-PSS SHA-384 and
 * named as AMD names it for this product; no other certificate is among them. SV_PROOF
 * "snp.chain.chain", ".expired", ".revoked", ".crl", ".root" (no ARK of ours), ".name", ".surplus",
 * ".signature" (not PSS). */
int sv_sev_chain_verify(const struct sv_sev_chain *in, const struct sv_vek *vek,
                        struct sv_sev_root *root, struct sv_err *err);
/* From when until before when all its certificates and lists are valid: what sv_sev_chain_verify
 * said holds for every time between. */
int sv_sev_chain_span(const struct sv_sev_chain *in, const struct sv_vek *vek, int64_t *from,
                      int64_t *until, struct sv_err *err);
