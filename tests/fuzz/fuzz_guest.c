/* SPDX-License-Identifier: Apache-2.0 */
/* A guest file is taken whole or refused by name; what is taken has a command line within its
 * limit. */
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"
#include "base/core/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF line = SV_BUF_NULL;
        SV_GUEST g = {0};

        if (sv_guest_parse(sv_bytes(data, size), "fuzz.json", "/", &g, &err) < 0) {
                if (strncmp(err.check, "guest.", 6) || err.class != SV_USAGE || g.name)
                        abort();
                return 0;
        }
        if (!g.name || !(g.kernel || g.uki) || sv_guest_cmdline(&g, &line, &err) < 0 ||
            line.n > SV_CMDLINE_MAX)
                abort();
        return 0;
}
