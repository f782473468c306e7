/* SPDX-License-Identifier: Apache-2.0 */
/* What a quote is verified against, read and verified once for as many quotes as there are. Pure.
 */
#pragma once

#include "tdx/verify/chain.h"
#include "tdx/verify/pck.h"
#include "tdx/verify/tcb.h"

struct sv_tdx_trust {
        struct sv_tdx_chain chain;
        /* verified, and with its lists valid from .. before until; nothing is when they are equal
         */
        int64_t from, until;
};

struct sv_tdx_doc {
        struct sv_tcb_doc doc;
        struct sv_tdx_trust signer;
        bool read, proven;
};

/* Begins with what is given, {.tcb_info = …}, which must live as long; the rest is filled by
 * sv_tdx_verify_with. Not for two threads at once. */
struct sv_tdx_collateral {
        struct sv_bytes tcb_info, tcb_info_chain;       /* JSON, PEM */
        struct sv_bytes qe_identity, qe_identity_chain; /* JSON, PEM */
        struct sv_bytes pck_crl, root_ca_crl;           /* DER */
        struct sv_tdx_roots roots;
        bool skip_signatures; /* fuzzing only */
        /* --- its own --- */
        struct sv_tdx_doc info, identity;
        int64_t crl_until[2]; /* of pck_crl and root_ca_crl; 0: not read yet */
        /* The last quote's platform: the next one of the same brings the same chain, quoting
         * enclave and attestation key. */
        struct sv_buf pck_pem;
        struct sv_tdx_trust pck;
        bool platform_read;
        struct sv_pck platform;
        uint8_t root[32]; /* SHA-256 of the chain's root */
        struct sv_buf qe; /* the bytes from which att_key was proven to be the enclave's */
        struct sv_key *att_key;
};
void sv_tdx_collateral_free(struct sv_tdx_collateral *c);
#define SV_TDX_COLLATERAL __attribute__((cleanup(sv_tdx_collateral_free))) struct sv_tdx_collateral

/* The platform's chain, up to c->pck, and what its certificate says, in c->platform: "tdx.pck.*".
 */
int sv_tdx_collateral_pck(struct sv_tdx_collateral *c, struct sv_bytes pem, int64_t time,
                          struct sv_err *err);
/* Both documents and their signers: "tdx.tcb_info.*", "tdx.qe_identity.*", "tdx.tcb_signing.*". */
int sv_tdx_collateral_docs(struct sv_tdx_collateral *c, int64_t time, struct sv_err *err);
