/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/tees.h"

const struct sv_tee_verify *sv_tee_find_verify(const char *name)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++)
                if (!strcmp((*t)->id->name, name))
                        return *t;
        return NULL;
}

const struct sv_tee_verify *sv_tee_find_verify_kbs(const char *kbs_name)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++)
                if (!strcmp((*t)->id->kbs_name, kbs_name))
                        return *t;
        return NULL;
}

const char *sv_tee_list_verify(char names[SV_TEE_NAMES_SIZE])
{
        names[0] = 0;
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++)
                sv_tee_add_name(names, (*t)->id);
        return names;
}
