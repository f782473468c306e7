/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's schemas of a domain: the machine's own, and that of the forky tree in the cache
 * (tools/fetch-forky), which is newer. */
#pragma once

#include <sys/stat.h>

#include "base/core/file.h"
#include "tests/unit/unit.h"

enum { SCHEMAS = 2 };

/* NULL when it is not on this machine. `knows_td` says whether its text has the launch security of
 * TDX. */
static inline const char *schema_path(int i, bool *knows_td)
{
        static char path[4096];
        const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
        char common[4200];
        SV_BUF text = SV_BUF_NULL;

        if (i == 0)
                snprintf(path, sizeof(path), "/usr/share/libvirt/schemas");
        else if (cache && *cache)
                snprintf(path, sizeof(path), "%s/secure-vm/forky/usr/share/libvirt/schemas", cache);
        else
                snprintf(path, sizeof(path), "%s/.cache/secure-vm/forky/usr/share/libvirt/schemas",
                         home ? home : "");
        snprintf(common, sizeof(common), "%s/domaincommon.rng", path);
        if (sv_file_read(common, 4u << 20, &text, "test.schema", NULL) < 0)
                return NULL;
        *knows_td = memmem(text.p, text.n, "<value>tdx</value>", 18) != NULL;
        strncat(path, "/domain.rng", sizeof(path) - strlen(path) - 1);
        return path;
}
