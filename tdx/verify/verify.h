/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of a TD quote against Intel's collateral (DCAP QVL, QuoteVerifier). Pure: time and
 * collateral are arguments. */
#pragma once

#include "tdx/verify/collateral.h"
#include "tdx/verify/pck.h"
#include "tdx/verify/quote.h"

struct sv_tdx_in {
        struct sv_bytes quote;
        struct sv_bytes tcb_info, tcb_info_chain;       /* JSON, PEM */
        struct sv_bytes qe_identity, qe_identity_chain; /* JSON, PEM */
        struct sv_bytes pck_crl, root_ca_crl;           /* DER */
        const struct sv_certs *test_roots; /* trusted in addition to Intel's; NULL: none */
        int64_t time;
        /* n == 0: not checked; shorter than 64 bytes: the rest must be zero */
        struct sv_bytes report_data;
        bool skip_signatures; /* fuzzing only */
};

struct sv_tdx_out {
        struct sv_quote quote; /* views point into the input */
        struct sv_pck pck;
        enum sv_tcb_status status; /* of all three, and of launch and now */
        /* module only with has_module; advisories are below */
        struct sv_tcb_found platform, qe, module;
        bool has_module;
        int64_t tcb_date;           /* the oldest of the levels' */
        int64_t expires;            /* the first of the collateral's and certificates' ends */
        struct sv_json *advisories; /* array of identifiers, each once; owned */
        struct sv_json *shortfall;  /* array of texts, see sv_tcb_shortfall; owned */
        /* tcbEvaluationDataNumber of the TCB info and of the QE identity; -1: they have none */
        int64_t evaluation[2];
        uint8_t root[32]; /* SHA-256 of the PCK chain's root */
        bool test_root;
};

void sv_tdx_out_free(struct sv_tdx_out *out);

/* The order is the rule; each failure has its name:
 *   tdx.quote.*      form                        tdx.pck.*          PCK chain, CRLs, extension
 *   tdx.tcb_info.*   signature, dates, platform  tdx.qe_identity.*  signature, dates
 *   tdx.tcb_signing.* chain of their signer      tdx.root           no root of Intel's
 *   tdx.qe.signature, tdx.qe.report_data, tdx.qe.mismatch, tdx.signature
 *   tdx.module.mismatch, tdx.tcb.unsupported, tdx.tcb.status, tdx.tcb.revoked
 *   tdx.report_data
 * Which statuses but Revoked are good enough is the policy's to say. */
int sv_tdx_verify(const struct sv_tdx_in *in, struct sv_tdx_out *out, struct sv_err *err);
/* The same with collateral that serves more than one quote: for each quote its signature is
 * verified and, when the quote before was of another platform, the platform's certificate and the
 * quoting enclave's report. The time may differ: collateral that is no longer valid then is
 * verified again, and refused by name. */
int sv_tdx_verify_with(struct sv_tdx_collateral *c, const struct sv_quote *quote,
                       struct sv_bytes report_data, int64_t time, struct sv_tdx_out *out,
                       struct sv_err *err);

/* The signatures of a quote, from the platform's key down: "tdx.qe.signature", "tdx.qe.report_data"
 * (the quoting enclave names its key); "tdx.signature". */
int sv_tdx_check_qe(const struct sv_key *pck, const struct sv_quote *q, struct sv_err *err);
int sv_tdx_check_quote(const struct sv_key *att_key, const struct sv_quote *q, struct sv_err *err);
struct sv_key *sv_tdx_attestation_key(const struct sv_quote *q, struct sv_err *err);
