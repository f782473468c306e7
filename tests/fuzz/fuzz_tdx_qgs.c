/* SPDX-License-Identifier: Apache-2.0 */
/* What a quote service may answer. */
#include <stdlib.h>

#include "tdx/guest/qgs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct sv_bytes part, const uint8_t *data, size_t size)
{
        if (part.n && (part.p < data || part.p + part.n > data + size))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_qgs_platform p;
        struct sv_bytes quote;

        if (sv_qgs_quote_response(sv_bytes(data, size), &quote, NULL) == 0)
                inside(quote, data, size);
        if (sv_qgs_platform_response(sv_bytes(data, size), &p, NULL) == 0) {
                inside(p.platform_id, data, size);
                inside(p.cpu_svn, data, size);
        }
        return 0;
}
