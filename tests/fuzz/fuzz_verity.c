/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken is written again as it was: there is one way to say it. */
#include <stdlib.h>
#include <string.h>

#include "base/core/limits.h"
#include "base/core/verity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF again = SV_BUF_NULL;
        struct sv_verity v;

        if (sv_verity_parse(sv_bytes(data, size), &v, &err) < 0) {
                if (strncmp(err.check, "verity.", 7) || err.class != SV_USAGE)
                        abort();
                return 0;
        }
        sv_verity_put(&v, &again);
        if (again.n != size || memcmp(again.p, data, size) ||
            sv_verity_data_size(&v) > SV_VERITY_SIZE_MAX || sv_verity_end(&v) <= v.tree)
                abort();
        return 0;
}
