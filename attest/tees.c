/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/tees.h"

#include "sev/tee.h"
#include "tdx/tee.h"
#include "vtpm/tee.h"

const struct sv_tee *const sv_tees[] = {
        &sv_tee_sev_snp,
        &sv_tee_tdx,
        &sv_tee_vtpm,
        NULL,
};

const struct sv_tee *sv_tee_find(const char *name)
{
        for (const struct sv_tee *const *t = sv_tees; *t; t++)
                if (!strcmp((*t)->name, name))
                        return *t;
        return NULL;
}

const struct sv_tee *sv_tee_find_kbs(const char *kbs_name)
{
        for (const struct sv_tee *const *t = sv_tees; *t; t++)
                if (!strcmp((*t)->kbs_name, kbs_name))
                        return *t;
        return NULL;
}

const char *sv_tee_names(void)
{
        return "sev-snp, tdx, vtpm";
}
