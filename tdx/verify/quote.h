/* SPDX-License-Identifier: Apache-2.0 */
/* TD quotes, versions 4 and 5 (Intel TDX DCAP Quoting Library API, appendix A; sgx_quote_4.h,
 * sgx_quote_5.h). Reading is pure and believes nothing: tdx/verify/verify.c checks the signatures
 * over the raw bytes. */
#pragma once

#include "base/json/json.h"

#define SV_QUOTE_SIZE_MAX (128u << 10)

/* version 5's body types; version 4 is SV_TD_10 */
enum sv_td_body { SV_TD_10 = 2, SV_TD_15 = 3, SV_TD_15EX = 4 };

struct sv_td_report { /* TD report body; Intel's names */
        enum sv_td_body type;
        uint8_t tee_tcb_svn[16]; /* [0] module's minor (isvsvn), [1] its major version */
        uint8_t mrseam[48];
        uint8_t mrsignerseam[48];
        uint64_t seamattributes;
        uint64_t tdattributes;
        uint64_t xfam;
        uint8_t mrtd[48];
        uint8_t mrconfigid[48];
        uint8_t mrowner[48];
        uint8_t mrownerconfig[48];
        uint8_t rtmr[4][48];
        uint8_t reportdata[64];
        uint8_t tee_tcb_svn2[16]; /* TD 1.5: the module that runs now */
        uint8_t mrservicetd[48];
        struct sv_bytes ex; /* TD 1.5-ex: the 237 bytes after mrservicetd, in the quote */
};

/* TDATTRIBUTES. */
#define SV_TD_DEBUG           (1ull << 0)
#define SV_TD_TUD             0xffull /* bits 7:0: any of them makes the TD untrusted */
#define SV_TD_SERVTD_EXT      (1ull << 17)
#define SV_TD_SEPT_VE_DISABLE (1ull << 28)
#define SV_TD_MIGRATABLE      (1ull << 29)
#define SV_TD_PKS             (1ull << 30)
#define SV_TD_KL              (1ull << 31)
#define SV_TD_PERFMON         (1ull << 63)
#define SV_TD_KNOWN                                                                            \
        (SV_TD_TUD | SV_TD_SERVTD_EXT | SV_TD_SEPT_VE_DISABLE | SV_TD_MIGRATABLE | SV_TD_PKS | \
         SV_TD_KL | SV_TD_PERFMON)

struct sv_sgx_report { /* report body of the quoting enclave (384 bytes) */
        uint8_t cpusvn[16];
        uint32_t miscselect;
        uint8_t attributes[16];
        uint8_t mrenclave[32];
        uint8_t mrsigner[32];
        uint16_t isvprodid;
        uint16_t isvsvn;
        uint8_t reportdata[64];
};

struct sv_quote { /* views point into the quote */
        uint16_t version;
        uint8_t user_data[20];
        struct sv_td_report td;
        struct sv_bytes signed_part;  /* header and body */
        struct sv_bytes signature;    /* 64: r || s, by the attestation key */
        struct sv_bytes att_key;      /* 64: x || y */
        struct sv_bytes qe_report;    /* 384, signed by the PCK */
        struct sv_bytes qe_signature; /* 64 */
        struct sv_sgx_report qe;
        struct sv_bytes qe_auth;
        struct sv_bytes pck_chain; /* PEM: leaf, CA, root; without the NUL that some add */
        /* bytes behind the signature data: some hosts leave some; reported, never read */
        size_t trailing;
};

/* SV_FORMAT "tdx.quote.size", ".version", ".type" (not ECDSA P-256, not TDX, not Intel's QE),
 * ".body" (type and size disagree),
 * ".signature" (sizes that do not nest), ".certification" (no PCK chain inside). */
int sv_quote_parse(struct sv_bytes raw, struct sv_quote *out, struct sv_err *err);
/* Every field by Intel's name; the caller frees. */
struct sv_json *sv_td_claims(const struct sv_td_report *td);
