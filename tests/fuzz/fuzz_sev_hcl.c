/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sev/verify/hcl.h"
#include "sev/verify/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_hcl h;

        if (sv_hcl_parse(sv_bytes(data, size), &h, NULL) < 0)
                return 0;
        if (h.report.n != SV_REPORT_SIZE || h.report.p < data ||
            h.runtime_data.p < h.report.p + h.report.n ||
            h.runtime_data.p + h.runtime_data.n > data + size || !sv_hcl_is(sv_bytes(data, size)))
                abort();
        return 0;
}
