/* SPDX-License-Identifier: Apache-2.0 */
/* What of vTPM evidence proves its claims, however it came here: checks and claims that `verify`
 * and `confirm` share. Pure. */
#pragma once

#include "tee/verify.h"
#include "vtpm/verify/evidence.h"
#include "vtpm/verify/quote.h"

struct sv_vtpm_shown {
        const struct sv_key *ak;
        const struct sv_tpm_public *ak_public; /* NULL: only the key is known */
        struct sv_tpm_name ak_name;            /* n == 0: likewise */
        const struct sv_key *ek;               /* NULL: unknown */
        uint8_t ek_sha256[32];                 /* of its certificate */
        struct sv_bytes activation;
        const struct sv_vtpm_bank *banks; /* SV_VTPM_BANKS of them */
        struct sv_tpm_quote quotes[SV_VTPM_BANKS];
};

/* "vtpm.ak.name-alg", "vtpm.ak.attributes" */
int sv_vtpm_check_ak(const struct sv_tpm_public *ak, struct sv_err *err);
/* Each bank's quote: fills quotes. "vtpm.quote.*", "vtpm.signature.*" */
int sv_vtpm_check_quotes(struct sv_vtpm_shown *s, const struct sv_verify_in *in,
                         struct sv_err *err);
/* Did the TPM of this EK certificate say that this AK is its own? "vtpm.ak.origin", ".other",
 * ".activation" */
int sv_vtpm_check_activation(const struct sv_vtpm_shown *s, const struct sv_verify_in *in,
                             struct sv_err *err);
/* All but "ek" and "event_log"; `checked`: report data were asked for. */
struct sv_json *sv_vtpm_claims(const struct sv_vtpm_shown *s, bool checked);
