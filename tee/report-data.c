/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/report-data.h"

int sv_report_data_check(const uint8_t found[SV_REPORT_DATA_SIZE], struct sv_bytes want,
                         const char *check, const char *what, const char *of, struct sv_err *err)
{
        uint8_t all[SV_REPORT_DATA_SIZE] = {0};

        if (!want.n)
                return 0;
        if (want.n > sizeof(all))
                return sv_fail(err, SV_USAGE, check,
                               "report data has at most 64 bytes, %zu are given", want.n);
        memcpy(all, want.p, want.n);
        if (!sv_bytes_eq(sv_bytes(all, sizeof(all)), sv_bytes(found, SV_REPORT_DATA_SIZE)))
                return sv_fail(err, SV_PROOF, check,
                               "%s is not what was asked for: the %s is of another exchange", what,
                               of);
        return 0;
}
