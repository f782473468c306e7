/* SPDX-License-Identifier: Apache-2.0 */
/* The public areas that keys are made from. */
#pragma once

#include "vtpm/verify/structs.h"

/* The TCG's default EK templates (EK Credential Profile 2.5, annex B): L-1 (RSA 2048), L-2 (P-256),
 * H-3 (P-384), known by the kind of key in the EK certificate. With `filled` the key itself is in
 * the unique field, which gives the EK's Name. SV_FORMAT "vtpm.ek.type". */
int sv_tpm_put_ek(struct sv_buf *out, const struct sv_key *ek, bool filled, struct sv_err *err);

/* The attestation key: RSA 2048, RSASSA with SHA-256, restricted to what the TPM itself made. */
void sv_tpm_put_ak(struct sv_buf *out);

/* What every attestation key must be (part 2, table 31), and what it must not be. */
#define SV_TPM_AK_MUST                                                              \
        (SV_TPMA_FIXED_TPM | SV_TPMA_FIXED_PARENT | SV_TPMA_SENSITIVE_DATA_ORIGIN | \
         SV_TPMA_RESTRICTED | SV_TPMA_SIGN)
#define SV_TPM_AK_MUST_NOT SV_TPMA_DECRYPT
