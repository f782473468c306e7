/* SPDX-License-Identifier: Apache-2.0 */
/* A secret that only one TPM opens: a sealed data object (TPM 2.0 part 1, section 27.3) below the
 * TPM's storage key, kept outside of the TPM. Its policy is PolicyAuthValue and, when PCRs are
 * chosen, PolicyPCR over their values of the moment in the SHA-256 bank. On its way to and from the
 * TPM the secret is encrypted, to the storage key that the object names: who listens on the bus has
 * nothing, and who stands between is noticed. */
#pragma once

#include "base/core/buf.h"
#include "base/core/secret.h"

#define SV_TPM_SEAL_PCRS 24
#define SV_TPM_SEAL_MAX  128 /* bytes of the secret: what every TPM takes */

struct sv_tpm_sealed {
        uint32_t parent;           /* a persistent handle; 0: the owner's primary key, made anew */
        struct sv_buf parent_name; /* of its public area: nameAlg and digest */
        struct sv_buf public2b;    /* TPM2B_PUBLIC */
        struct sv_buf private2b;   /* TPM2B_PRIVATE */
        uint32_t pcrs;             /* bit i: PCR i; 0: none */
        uint8_t values[SV_TPM_SEAL_PCRS][32];
};

/* device: as sv_tpm_device_open. auth: at most 32 bytes that unsealing takes too, guarded by the
 * TPM against guessing; NULL: none. *out must be zeroed; the caller frees it. SV_SYSTEM "tpm.seal",
 * SV_USAGE "tpm.seal.value". */
int sv_tpm_seal(const char *device, uint32_t pcrs, struct sv_bytes auth, struct sv_bytes secret,
                struct sv_tpm_sealed *out, struct sv_err *err);
/* SV_PROOF "tpm.seal.pcrs" (names those that are others), "tpm.seal.other" (another TPM, or one
 * that was cleared); SV_USAGE "tpm.seal.auth"; SV_SYSTEM "tpm.seal.lockout", "tpm.seal". */
struct sv_secret *sv_tpm_unseal(const char *device, const struct sv_tpm_sealed *sealed,
                                struct sv_bytes auth, struct sv_err *err);
void sv_tpm_sealed_free(struct sv_tpm_sealed *s);
