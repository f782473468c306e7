/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of TDX's row of attest/tees-verify.c. Pure. */
#pragma once

#include "tee/verify.h"
#include "tdx/verify/verify.h"

/* `verify`. Collateral: "tcb-info", "tcb-info-chain", "qe-identity", "qe-identity-chain",
 * "pck-crl", "root-ca-crl"; "bundle" (tdx/verify/bundle.h) for those of them that are not there;
 * "sgx-root" (trusted in addition to Intel's, any number); "event-log" in place of the evidence's
 * own. */
int sv_tdx_tee_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                      struct sv_json **claims, struct sv_err *err);
/* What tdx/verify/verify.c found, as claims (tdx/verify/tee-claims.c); the caller frees. `time`:
 * what ages are counted from. */
struct sv_json *sv_tdx_claims(const struct sv_tdx_out *out, int64_t time);
/* Those of them that follow from the quote and its chain. */
struct sv_json *sv_tdx_quote_claims(const struct sv_quote *quote, const struct sv_pck *pck,
                                    const uint8_t root_sha256[32], bool intel);
/* `confirm`: what `verify` leaves in in->proof is, as parts, the quote, the PCK certificate, its
 * issuer and the root. */
int sv_tdx_confirm(struct sv_bytes proof, const struct sv_verify_in *in,
                   const struct sv_json *claims, struct sv_err *err);

/* `confirm_root`, `check_anchor`. */
int sv_tdx_confirm_root(struct sv_json *claims, const struct sv_collateral *anchors, int64_t time,
                        struct sv_err *err);
int sv_tdx_check_anchor(const char *kind, struct sv_bytes data, struct sv_err *err);

/* `needs`: Intel's PCS, version 4. */
int sv_tdx_needs(const struct sv_evidence *e, struct sv_json *out, struct sv_err *err);
/* Which platform a quote says that it is of, nothing verified; processor: its certificate is the
 * Processor CA's. */
int sv_tdx_platform(const struct sv_quote *quote, struct sv_pck *pck, bool *processor,
                    struct sv_err *err);

/* X87, SSE, AVX, AVX-512, PT, PKU, CET, user interrupts, LBR, AMX, APX: what the XFAM of a module
 * may have today; and all other bits. */
#define SV_TDX_XFAM_BASE   "0x3"
#define SV_TDX_XFAM_KNOWN  "0xedbe7"
#define SV_TDX_XFAM_OTHERS "0xfffffffffff12418"

extern const char sv_tdx_strict[], sv_tdx_floor[];
