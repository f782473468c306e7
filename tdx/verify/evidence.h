/* SPDX-License-Identifier: Apache-2.0 */
/* The KBS protocol's evidence of TDX: {"quote": base64, "cc_eventlog": base64 or null}, as the
 * Confidential Containers project sends it. Pure. */
#pragma once

#include "base/json/json.h"

struct sv_tdx_evidence {
        struct sv_buf quote;
        struct sv_buf event_log; /* CCEL; empty when there is none */
};

/* SV_FORMAT "tdx.evidence.member", ".unknown", ".quote" (empty, or larger than any). *out must be
 * zeroed. */
int sv_tdx_evidence_read(const struct sv_json *evidence, struct sv_tdx_evidence *out,
                         struct sv_err *err);
void sv_tdx_evidence_free(struct sv_tdx_evidence *e);
#define SV_TDX_EVIDENCE __attribute__((cleanup(sv_tdx_evidence_free))) struct sv_tdx_evidence

/* The quote must parse (its errors); no event log: n == 0. */
int sv_tdx_evidence_write(struct sv_bytes quote, struct sv_bytes event_log, struct sv_json **out,
                          struct sv_err *err);
/* struct sv_tee_verify.wrap: a raw quote. */
int sv_tdx_evidence_wrap(struct sv_bytes raw, struct sv_json **out, struct sv_err *err);
