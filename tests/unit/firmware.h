/* SPDX-License-Identifier: Apache-2.0 */
/* Confidential firmware of Debian's packages, as tools/fetch-firmware leaves it in the cache. */
#pragma once

#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "tests/unit/unit.h"

/* The image's path when it is there and is the build that the expectations are of; NULL, with a
 * line that says why, otherwise: Debian's package moves on, and another build has other digests. */
static inline const char *cached_firmware(const char *name, const char *sha256)
{
        static char path[4096];
        const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
        uint8_t digest[SV_DIGEST_MAX];
        char hex[65];

        if (cache && *cache)
                snprintf(path, sizeof(path), "%s/secure-vm/firmware/%s", cache, name);
        else
                snprintf(path, sizeof(path), "%s/.cache/secure-vm/firmware/%s", home ? home : "",
                         name);
        if (sv_digest_file(SV_SHA256, path, digest, NULL, NULL) < 0) {
                print_message("SKIP: %s is not in the cache (tools/fetch-firmware)\n", name);
                return NULL;
        }
        if (strcmp(sv_hex(sv_bytes(digest, 32), hex), sha256)) {
                print_message("SKIP: %s in the cache is another build than the one whose digests "
                              "are known\n",
                              name);
                return NULL;
        }
        return path;
}
