/* SPDX-License-Identifier: Apache-2.0 */
/* A report of a disk, as anybody may send one to a broker. */
#include "luks/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_disk_report report;
        uint8_t mac[SV_REPORT_MAC_SIZE];

        sv_disk_report_parse(sv_bytes(data, size), &report, mac, &err);
        return 0;
}
