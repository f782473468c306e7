/* SPDX-License-Identifier: Apache-2.0 */
/* Any file: an object with a kind, nothing, or an error with neither. */
#include <stdlib.h>

#include "sev/measure/measure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *j = NULL;

        if (sv_sev_inspect(sv_bytes(data, size), &j, &err) < 0
                    ? j || !*err.check
                    : j && !sv_json_str(sv_json_get(j, "kind")))
                abort();
        return 0;
}
