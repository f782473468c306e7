/* SPDX-License-Identifier: Apache-2.0 */
/* /dev/tdx_guest (include/uapi/linux/tdx-guest.h): the TD's own report, which a quoting service
 * near the host turns into a quote. */
#pragma once

#include "tdx/verify/report.h"

#define SV_TDX_DEVICE      "/dev/tdx_guest"
#define SV_TDX_REPORT_DATA 64u

/* Tests put a device of their own here. */
struct sv_tdx_dev {
        const char *path; /* NULL: SV_TDX_DEVICE */
        /* NULL: the device; 0 or -errno */
        int (*call)(void *arg, const uint8_t data[SV_TDX_REPORT_DATA],
                    uint8_t report[SV_TDREPORT_SIZE]);
        void *arg;
};

/* A report over these 64 bytes, whole and over nothing else. SV_SYSTEM "tdx.device.open",
 * "tdx.device.request", "tdx.guest.stale"; and those of tdx/verify/report.h. */
int sv_tdx_dev_report(const struct sv_tdx_dev *dev, const uint8_t data[SV_TDX_REPORT_DATA],
                      uint8_t report[SV_TDREPORT_SIZE], struct sv_err *err);
