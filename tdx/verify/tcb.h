/* SPDX-License-Identifier: Apache-2.0 */
/* Intel's reference values for a platform: TCB info (PCS API version 4, TDX) and the TD quoting
 * enclave's identity, and how a quote's TCB is found in them (DCAP QVL, EvaluateTcb). Pure. */
#pragma once

#include "base/json/json.h"
#include "tdx/verify/pck.h"
#include "tdx/verify/quote.h"

enum sv_tcb_status { /* from best to worst as far as they can be compared */
                     SV_TCB_UP_TO_DATE,
                     SV_TCB_SW_HARDENING,
                     SV_TCB_CONFIGURATION,
                     SV_TCB_CONFIGURATION_SW_HARDENING,
                     SV_TCB_RELAUNCH_ADVISED,
                     SV_TCB_RELAUNCH_CONFIGURATION,
                     SV_TCB_OUT_OF_DATE,
                     SV_TCB_OUT_OF_DATE_CONFIGURATION,
                     SV_TCB_REVOKED,
                     SV_TCB_STATUSES
};

const char *sv_tcb_status_name(enum sv_tcb_status s); /* "UpToDate", as Intel writes it */
bool sv_tcb_status_by_name(const char *name, enum sv_tcb_status *out);

/* One signed JSON document of Intel's: {"<body>": {…}, "signature": hex}. */
struct sv_tcb_doc {
        struct sv_json *whole;
        struct sv_json *body; /* borrowed from whole */
        struct sv_bytes raw;  /* the body's bytes in the text, which must live as long */
        uint8_t signature[64];
        int64_t issued, next_update; /* seconds since 1970 */
};

/* `body`: "tcbInfo" or "enclaveIdentity". SV_FORMAT "<check>.json", "<check>.member". */
int sv_tcb_doc_parse(struct sv_bytes text, const char *body, const char *check,
                     struct sv_tcb_doc *out, struct sv_err *err);
void sv_tcb_doc_free(struct sv_tcb_doc *d);
#define SV_TCB_DOC __attribute__((cleanup(sv_tcb_doc_free))) struct sv_tcb_doc
/* Signed by this certificate's key, over the bytes as they stand, or over their compact form:
 * caches re-format what Intel signed. SV_PROOF "<check>.signature". */
int sv_tcb_doc_verify(const struct sv_tcb_doc *d, const struct sv_cert *signer, const char *check,
                      struct sv_err *err);
/* SV_PROOF "<check>.expired": time is outside issueDate to nextUpdate. */
int sv_tcb_doc_current(const struct sv_tcb_doc *d, int64_t time, const char *check,
                       struct sv_err *err);

/* What a level says. */
struct sv_tcb_found {
        enum sv_tcb_status status;
        size_t level;                     /* which of the document's, from 0: the newest */
        int64_t date;                     /* tcbDate */
        const struct sv_json *advisories; /* array, borrowed from the document; may be NULL */
};

/* Is the TCB info of this platform, of a version that we know? SV_PROOF "tdx.tcb_info.mismatch". */
int sv_tcb_info_matches(const struct sv_tcb_doc *info, const struct sv_pck *pck,
                        struct sv_err *err);
/* The platform's level for this SVN of the module (tee_tcb_svn or tee_tcb_svn2). SV_PROOF
 * "tdx.tcb.unsupported": no level. */
int sv_tcb_platform(const struct sv_tcb_doc *info, const struct sv_pck *pck,
                    const uint8_t tee_tcb_svn[16], struct sv_tcb_found *out, struct sv_err *err);
/* The module's identity and level; *has is false for a module of major version 0, which has none.
 * SV_PROOF "tdx.module.mismatch", "tdx.tcb.unsupported". */
int sv_tcb_module(const struct sv_tcb_doc *info, const struct sv_td_report *td,
                  const uint8_t tee_tcb_svn[16], bool *has, struct sv_tcb_found *out,
                  struct sv_err *err);
/* Intel's identity of modules of this major version; NULL when it knows none. */
const struct sv_json *sv_tcb_find_module(const struct sv_tcb_doc *info, uint8_t major);
/* The quoting enclave against its identity, and its level. SV_PROOF "tdx.qe.mismatch",
 * "tdx.tcb.unsupported". */
int sv_tcb_qe(const struct sv_tcb_doc *identity, const struct sv_sgx_report *qe,
              struct sv_tcb_found *out, struct sv_err *err);

/* Adds a text for each component that is older than in the newest level of the two documents, which
 * have been read by the functions above: "Early Microcode Update (BIOS) is at 5, 7 is current". */
void sv_tcb_shortfall(const struct sv_tcb_doc *info, const struct sv_tcb_doc *identity,
                      const struct sv_pck *pck, const struct sv_quote *quote, struct sv_json *list);

/* One status out of three (QVL, convergeTcbStatus), and of launch and now for a TD that outlived an
 * update of its module. */
enum sv_tcb_status sv_tcb_converge(enum sv_tcb_status platform, enum sv_tcb_status qe,
                                   const enum sv_tcb_status *module);
enum sv_tcb_status sv_tcb_relaunch(enum sv_tcb_status launch, enum sv_tcb_status now);
