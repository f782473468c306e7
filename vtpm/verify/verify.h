/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of vTPM evidence (docs/FORMATS.md, "vTPM evidence"). Pure. */
#pragma once

#include "tee/verify.h"

/* The `open`, `close` and `verify` of the vTPM's row. */
int sv_vtpm_open(const struct sv_json *evidence, struct sv_evidence **out, struct sv_err *err);
void sv_vtpm_close(struct sv_evidence *e);
int sv_vtpm_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                   struct sv_json **claims, struct sv_err *err);
int sv_vtpm_confirm_root(struct sv_json *claims, const struct sv_collateral *anchors, int64_t time,
                         struct sv_err *err);
int sv_vtpm_check_anchor(const char *kind, struct sv_bytes data, struct sv_err *err);
/* Credential activation, the broker's first half. What params->"secure-vm" names: the AK's public
 * area and the EK's certificate (DER), as parts; nothing when the client sent nothing for us. */
int sv_vtpm_read_hello(const struct sv_json *params, struct sv_buf *said, struct sv_err *err);
/* MakeCredential to that EK, over the Name of that AK. *challenge is the answer's whole
 * extra-params
 * ({"secure-vm":{...}}). *secret is opaque (the secret, and a digest of the AK's Name and the EK
 * certificate: what was activated is what must be used) and comes back as collateral of kind
 * "activation-secret". */
int sv_vtpm_challenge(struct sv_bytes said, struct sv_json **challenge, struct sv_secret **secret,
                      struct sv_err *err);
/* `confirm`. What `verify` leaves in in->proof is, as parts, the AK's public area, the EK's
 * certificate (DER) and the activation; then of both banks u8 present, the quote and its signature
 * as parts, and the values of all PCRs. */
int sv_vtpm_confirm(struct sv_bytes proof, const struct sv_verify_in *in,
                    const struct sv_json *claims, struct sv_err *err);
