/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's half of every TEE. */
#pragma once

#include "tee/attester.h"

/* NULL-terminated. */
extern const struct sv_attester *const sv_attesters[];
/* The one that this machine is; NULL when it is none. */
const struct sv_attester *sv_attester_find(void);

/* The same; SV_SYSTEM "agent.tee" when it is none. */
static inline const struct sv_attester *sv_attester_need(struct sv_err *err)
{
        const struct sv_attester *a = sv_attester_find();

        if (!a)
                sv_fail(err, SV_SYSTEM, "agent.tee",
                        "this machine offers nothing that could attest it (no TPM, SEV-SNP or TDX "
                        "device)");
        return a;
}
