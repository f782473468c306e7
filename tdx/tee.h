/* SPDX-License-Identifier: Apache-2.0 */
/* The row of TDX, and its parts that are pure: verification, needs, rules. */
#pragma once

#include "guest/guest.h"
#include "tee/tee.h"
#include "tdx/verify/verify.h"

/* struct sv_tee.verify. Collateral: "tcb-info", "tcb-info-chain", "qe-identity",
 * "qe-identity-chain", "pck-crl", "root-ca-crl"; "bundle" (tdx/verify/bundle.h) for those of them
 * that are not there; "sgx-root" (trusted beside Intel's, any number); "event-log" in place of the
 * evidence's own. */
int sv_tdx_tee_verify(const struct sv_verify_in *in, struct sv_json **claims, struct sv_err *err);
/* What tdx/verify/verify.c found, as claims (tdx/verify/tee-claims.c); the caller frees. `time`:
 * what ages are counted from. */
struct sv_json *sv_tdx_claims(const struct sv_tdx_out *out, int64_t time);

/* struct sv_tee.needs: Intel's PCS, version 4. */
int sv_tdx_needs(const struct sv_json *evidence, struct sv_json *out, struct sv_err *err);
/* Which platform a quote says that it is of, nothing verified; processor: its certificate is the
 * Processor CA's. */
int sv_tdx_platform(const struct sv_quote *quote, struct sv_pck *pck, bool *processor,
                    struct sv_err *err);

/* struct sv_tee.policy: these registers, these identities, these attributes; and the platform that
 * the guest file requires. */
int sv_tdx_rules(const struct sv_guest *guest, const struct sv_measurement *m,
                 struct sv_json *rules, struct sv_json *trust, struct sv_err *err);
extern const char sv_tdx_strict[];

/* struct sv_tee.inspect: quote, TDREPORT, Intel's collateral. */
int sv_tdx_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err);

extern const struct sv_tee sv_tee_tdx;
