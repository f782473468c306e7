/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: what Intel signs for a TDX platform, made with generated keys: the SGX root, the PCK
 * CA, the platform's PCK certificate, the TCB signer, revocation lists, TCB info and the TD quoting
 * enclave's identity (Intel SGX PCK Certificate and CRL Profile; PCS API 4), and quotes (Intel TDX
 * DCAP Quoting Library API, appendix A). Every function ends the program when it cannot do its
 * part. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sv_buf;
struct sv_json;

enum { INTEL_TD_REPORT = 1024, INTEL_MR = 48 };

struct intel_options {
        const char *platform, *module, *qe; /* tcbStatus of the platform as it is; NULL: UpToDate */
        const char *date;                   /* tcbDate of all three; NULL: in 2025 */
        bool processor;                     /* the PCK CA is the Processor CA */
        bool pck_revoked, ca_revoked, tcb_revoked;
        const char *pck_name, *ca_name, *tcb_name; /* NULL: Intel's */
        int64_t tcb_until;                         /* notAfter of the TCB signer; 0: 2050 */
        /* in the TCB info or the QE identity, what is written [0] is [1] instead, and signed so */
        const char *info[2], *identity[2];
        int64_t crls_until; /* nextUpdate of both lists; 0: 2050, -1: none */
        uint8_t fmspc[6];
        unsigned pcesvn; /* of the PCK certificate, in three bytes; 0: INTEL_PCESVN */
};

struct intel_pki {
        EVP_PKEY *root_key, *ca_key, *pck_key, *tcb_key, *att_key;
        X509 *root, *ca, *pck, *tcb;
};
void intel_pki_make(const struct intel_options *o, struct intel_pki *out);
/* Files of a folder: root.pem, pck-chain.pem, the keys that sign quotes (pck.key, att.key), and
 * collateral by the names of an offline folder: tcb_info.json, tcb_info_chain.pem,
 * qe_identity.json, qe_identity_chain.pem, pck_crl.der, root_ca_crl.der. */
void intel_pki_save(const struct intel_pki *pki, const struct intel_options *o, const char *dir);
/* What signs quotes: pck_key, att_key, and the chain's text. */
struct intel_signer {
        EVP_PKEY *pck_key, *att_key;
        char *chain; /* PEM */
};
void intel_signer_load(const char *dir, struct intel_signer *out);
void intel_signer_free(struct intel_signer *s);
void intel_pki_free(struct intel_pki *pki);

/* ECDSA P-256 with SHA-256: r, s, 32 bytes each, big endian. */
void intel_sign(EVP_PKEY *key, const void *data, size_t n, uint8_t out[64]);

/* --- the platform's levels, as certificate, documents and quotes have them --- */
extern const uint8_t intel_components[16];
#define INTEL_PCESVN 11
#define INTEL_QE_SVN 4
extern const uint8_t intel_module_svn[16]; /* TEE_TCB_SVN: [0] minor, [1] major */
extern const uint8_t intel_qe_signer[32];

/* --- inteldocs.c --- */
/* {"tcbInfo":…,"signature":…} and {"enclaveIdentity":…,"signature":…}. */
void intel_tcb_info(const struct intel_pki *pki, const struct intel_options *o, struct sv_buf *out);
void intel_qe_identity(const struct intel_pki *pki, const struct intel_options *o,
                       struct sv_buf *out);

/* --- quote.c --- */
/* A quote over the TD of a state file (tests/teesim/tdxstate.c). version 4, or 5 with a body of
 * type 2, 3 or 4. */
struct intel_quote {
        unsigned version, type;
        const struct sv_json *state;
        const uint8_t (*rtmr)[INTEL_MR]; /* four */
        uint8_t report_data[64];
        const uint8_t *svn, *svn2; /* TEE_TCB_SVN at launch and now; NULL: the platform's */
        uint8_t qe_tail;           /* last byte of the enclave's REPORTDATA */
};
void intel_quote(const struct intel_signer *s, const struct intel_quote *q, struct sv_buf *out);
/* What the quoting enclave makes of a TDREPORT: a quote of version 4. false: not a report of this
 * machine (its MAC, or a digest). */
bool intel_quote_report(const struct intel_signer *s, const uint8_t report[INTEL_TD_REPORT],
                        struct sv_buf *out);
/* TDREPORT; its MAC is any number, the same for all. */
void intel_td_report(const struct intel_quote *q, uint8_t out[INTEL_TD_REPORT]);
