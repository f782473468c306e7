/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/guest/device.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "base/core/file.h"

/* The uapi's structure. */
struct report_req {
        uint8_t reportdata[SV_TDX_REPORT_DATA];
        uint8_t tdreport[SV_TDREPORT_SIZE];
};
#define GET_REPORT0 _IOWR('T', 1, struct report_req)

static int request_tdreport(const char *path, const uint8_t data[SV_TDX_REPORT_DATA],
                            uint8_t report[SV_TDREPORT_SIZE])
{
        struct report_req req = {{0}};
        SV_FD fd = open(path, O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        memcpy(req.reportdata, data, sizeof(req.reportdata));
        if (ioctl(fd, GET_REPORT0, &req) < 0)
                return errno == ENOENT ? -EIO : -errno;
        memcpy(report, req.tdreport, sizeof(req.tdreport));
        return 0;
}

int sv_tdx_dev_report(const struct sv_tdx_dev *dev, const uint8_t data[SV_TDX_REPORT_DATA],
                      uint8_t report[SV_TDREPORT_SIZE], struct sv_err *err)
{
        const char *path = dev && dev->path ? dev->path : SV_TDX_DEVICE;
        int r = dev && dev->call ? dev->call(dev->arg, data, report)
                                 : request_tdreport(path, data, report);
        struct sv_tdreport t;

        if (r < 0) {
                errno = -r;
                if (r == -ENOENT || r == -EACCES || r == -EPERM || r == -ENXIO)
                        return sv_fail_errno(err, "tdx.device.open", "cannot open %s", path);
                return sv_fail_errno(err, "tdx.device.request", "the TDX module gives no report");
        }
        if (sv_tdreport_parse(sv_bytes(report, SV_TDREPORT_SIZE), &t, err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_bytes(t.td.reportdata, SV_TDX_REPORT_DATA),
                         sv_bytes(data, SV_TDX_REPORT_DATA)))
                return sv_fail(err, SV_SYSTEM, "tdx.guest.stale",
                               "the report is over other data than was asked for");
        return 0;
}
