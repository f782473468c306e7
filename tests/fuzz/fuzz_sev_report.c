/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sev/verify/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_report r;

        if (sv_report_parse(sv_bytes(data, size), &r, &err) == 0) {
                SV_JSON *claims = sv_report_claims(&r);

                if (size != SV_REPORT_SIZE || !sv_json_get(claims, "measurement"))
                        abort();
        }
        return 0;
}
