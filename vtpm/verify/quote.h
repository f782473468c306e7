/* SPDX-License-Identifier: Apache-2.0 */
/* One quote against one key, one bank and the PCR values that came with it. Pure. */
#pragma once

#include "vtpm/verify/structs.h"

struct sv_tpm_quote_in {
        struct sv_bytes message;   /* TPMS_ATTEST, as signed */
        struct sv_bytes signature; /* TPMT_SIGNATURE */
        const struct sv_key *ak;
        const struct sv_tpm_public *ak_public; /* NULL when only the key is known */
        /* qualified names that the signer may have; n_signers 0: not checked */
        const struct sv_tpm_name *signers;
        size_t n_signers;
        enum sv_digest bank;
        const uint8_t (*pcrs)[SV_DIGEST_MAX]; /* SV_TPM_PCRS of them, each of the bank's size */
        /* n == 0: not checked; else its first 32 bytes must be extraData */
        struct sv_bytes report_data;
        bool skip_signatures;
};

/* Fails with vtpm.signature.*, vtpm.quote.* (docs/CHECKS.md). */
int sv_tpm_quote_verify(const struct sv_tpm_quote_in *in, struct sv_tpm_quote *out,
                        struct sv_err *err);
