/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attesters.h"

#include "sev/tee.h"
#include "tdx/tee.h"
#include "vtpm/tee.h"

const struct sv_attester *const sv_attesters[] = {
        &sv_attester_sev_snp,
        &sv_attester_tdx,
        &sv_attester_vtpm,
        NULL,
};

const struct sv_attester *sv_attester_find(void)
{
        for (const struct sv_attester *const *a = sv_attesters; *a; a++)
                if ((*a)->present())
                        return *a;
        return NULL;
}
