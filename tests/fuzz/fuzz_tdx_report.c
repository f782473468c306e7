/* SPDX-License-Identifier: Apache-2.0 */
/* TDREPORT. */
#include <stdlib.h>

#include "tdx/verify/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_tdreport t;

        if (sv_tdreport_parse(sv_bytes(data, size), &t, NULL) == 0) {
                if (size != SV_TDREPORT_SIZE)
                        abort();
                sv_json_free(sv_td_claims(&t.td));
        }
        return 0;
}
