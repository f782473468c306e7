/* Confidential firmware of Debian's packages, as tools/fetch-firmware leaves it in the cache. */
#pragma once

#include "tests/unit/unit.h"

static inline const char *cached_firmware(const char *name)
{
        static char path[4096];
        const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
        FILE *f;

        if (cache && *cache)
                snprintf(path, sizeof(path), "%s/secure-vm/firmware/%s", cache, name);
        else
                snprintf(path, sizeof(path), "%s/.cache/secure-vm/firmware/%s", home ? home : "", name);
        f = fopen(path, "rb");
        if (!f)
                return NULL;
        fclose(f);
        return path;
}
