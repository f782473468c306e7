/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/teesim/teesim.h"

static void hex(FILE *f, const char *name, const uint8_t *p, size_t n)
{
        fprintf(f, "\"%s\":\"", name);
        while (n--)
                fprintf(f, "%02x", *p++);
        fprintf(f, "\",");
}

void state_write(const struct result *r)
{
        const char *path = getenv("TEESIM_STATE");
        FILE *f = path ? fopen(path, "w") : NULL;

        if (!f)
                return;
        fprintf(f, "{\"outcome\":\"%s\",\"fw_error\":%u,", r->outcome, r->fw_error);
        hex(f, "digest", r->digest, sizeof(r->digest));
        hex(f, "host_data", r->host_data, sizeof(r->host_data));
        hex(f, "family_id", r->id.family_id, sizeof(r->id.family_id));
        hex(f, "image_id", r->id.image_id, sizeof(r->id.image_id));
        hex(f, "id_key_digest", r->id.id_key_digest, sizeof(r->id.id_key_digest));
        hex(f, "author_key_digest", r->id.author_key_digest, sizeof(r->id.author_key_digest));
        fprintf(f,
                "\"guest_svn\":%u,\"policy\":%llu,\"features\":%llu,\"vcpus\":%u,\"id_block\":%s,"
                "\"author_key\":%s,\"vcek_disabled\":%s}\n",
                r->id.guest_svn, (unsigned long long)r->policy, (unsigned long long)r->features,
                r->vcpus, r->id_block_en ? "true" : "false", r->author_key_en ? "true" : "false",
                r->vcek_disabled ? "true" : "false");
        fclose(f);
}

void trace(const char *fmt, ...)
{
        const char *path = getenv("TEESIM_TRACE");
        FILE *f = path ? fopen(path, "a") : NULL;
        va_list ap;

        if (!f)
                return;
        va_start(ap, fmt);
        vfprintf(f, fmt, ap);
        va_end(ap);
        fputc('\n', f);
        fclose(f);
}
