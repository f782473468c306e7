/* SPDX-License-Identifier: Apache-2.0 */
/* What /dev/sev-guest answers to an extended report: the response, and behind it the host's
 * certificates. */
#include <stdlib.h>

#include "sev/verify/certtable.h"
#include "sev/guest/device.h"
#include "sev/verify/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size < SV_SNP_RESPONSE ? size : SV_SNP_RESPONSE;
        struct sv_cert_table t = {.n = 0};
        struct sv_bytes report;

        if (sv_snp_response_read(sv_bytes(data, n), &report, NULL) == 0 &&
            (report.n != SV_REPORT_SIZE || report.p < data || report.p + report.n > data + n))
                abort();
        if (sv_cert_table_parse(sv_bytes(data + n, size - n), &t, NULL) == 0)
                for (size_t i = 0; i < t.n; i++)
                        if (t.list[i].data.p < data + n ||
                            t.list[i].data.p + t.list[i].data.n > data + size)
                                abort();
        return 0;
}
