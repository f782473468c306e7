/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_MakeCredential without a TPM (TPM 2.0 Library, Part 1, section 24): proof that a key lives
 * in the TPM of an endorsement key. */
#pragma once

#include "vtpm/verify/structs.h"

/* Wraps `secret` so that only the TPM with the private part of `ek` can open it, and only when it
 * holds the key called `name`. The EK has one of the TCG's default templates (EK Credential
 * Profile 2.5, annex B), known by type and size of the key. Appends TPM2B_ID_OBJECT to blob and
 * TPM2B_ENCRYPTED_SECRET to encrypted. SV_FORMAT "vtpm.ek.type" for other keys. */
int sv_tpm_make_credential(const struct sv_key *ek, const struct sv_tpm_name *name,
                           struct sv_bytes secret, struct sv_buf *blob, struct sv_buf *encrypted,
                           struct sv_err *err);

/* The hash and AES size that the template of this EK prescribes. */
struct sv_tpm_ek_profile {
        enum sv_digest name_alg;
        unsigned aes_bits;
};
int sv_tpm_ek_profile(const struct sv_key *ek, struct sv_tpm_ek_profile *out, struct sv_err *err);
