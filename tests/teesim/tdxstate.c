/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/teesim/tdx.h"

static void hex(FILE *f, const char *name, const uint8_t *p, size_t n)
{
        fprintf(f, "\"%s\":\"", name);
        while (n--)
                fprintf(f, "%02x", *p++);
        fprintf(f, "\",");
}

/* Words of 64 bits as text: a JSON number may not hold them. */
void tdx_state_write(const struct td *t)
{
        const char *path = getenv("TEESIM_STATE");
        FILE *f = path ? fopen(path, "w") : NULL;

        if (!f)
                return;
        fprintf(f, "{\"tee\":\"tdx\",\"outcome\":\"launched\",");
        hex(f, "mrtd", t->mrtd, MR_SIZE);
        hex(f, "mrconfigid", t->mrconfigid, MR_SIZE);
        hex(f, "mrowner", t->mrowner, MR_SIZE);
        hex(f, "mrownerconfig", t->mrownerconfig, MR_SIZE);
        hex(f, "hob", t->hob, t->hob_size);
        fprintf(f,
                "\"hob_gpa\":%llu,\"attributes\":\"%016llx\",\"xfam\":\"%016llx\",\"vcpus\":%u}\n",
                (unsigned long long)t->hob_gpa, (unsigned long long)t->attributes,
                (unsigned long long)t->xfam, t->vcpus);
        fclose(f);
}
