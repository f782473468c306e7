/* SPDX-License-Identifier: Apache-2.0 */
/* Credential activation within the KBS exchange (docs/FORMATS.md, "Activation"): what broker and
 * verifier share. */
#pragma once

#include "base/crypto/x509.h"
#include "vtpm/verify/structs.h"

#define SV_VTPM_SECRET_SIZE     32 /* what the TPM gives back to the guest */
/* the broker's opaque secret: the above, then which AK and EK it was made for */
#define SV_VTPM_ACTIVATION_SIZE 64
#define SV_VTPM_ACTIVATION_KIND "activation-secret"

/* SHA-256 of what a challenge was made for: the AK's Name (with its length) and the EK certificate.
 */
int sv_vtpm_activation_subject(const struct sv_tpm_name *ak, const uint8_t ek_sha256[32],
                               uint8_t out[32], struct sv_err *err);
/* HMAC-SHA256(secret, "secure-vm activation v1" || binding). */
int sv_vtpm_activation_mac(struct sv_bytes secret, struct sv_bytes binding, uint8_t out[32],
                           struct sv_err *err);
