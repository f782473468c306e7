/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/guest/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/rd.h"
#include "sev/verify/report.h"

#define PAGE             4096u
#define CERTS_MAX        (16u << 10) /* SEV_FW_BLOB_MAX_SIZE of the kernel */
#define REPORT_AT        0x20u       /* of a report, and of a key, in its response */
#define VMM_TOO_SMALL    1u
#define VMM_BUSY         2u
#define FW_INVALID_PARAM 0x16u

/* --- what the kernel takes (the uapi's structures; the compiler lays them out as the kernel's
 * does) --- */

struct guest_request {
        uint8_t msg_version;
        uint64_t req_data;
        uint64_t resp_data;
        uint64_t exitinfo2;
};
struct report_req {
        uint8_t user_data[SV_SNP_REPORT_DATA];
        uint32_t vmpl;
        uint8_t rsvd[28];
};
struct ext_report_req {
        struct report_req data;
        uint64_t certs_address;
        uint32_t certs_len;
};
struct key_req {
        uint32_t root_key_select;
        uint32_t rsvd;
        uint64_t guest_field_select;
        uint32_t vmpl;
        uint32_t guest_svn;
        uint64_t tcb_version;
};

static int issue_guest_request(const char *path, enum sv_snp_code code, struct sv_snp_call *call)
{
        struct guest_request r = {.msg_version = call->msg_version,
                                  .req_data = call->request,
                                  .resp_data = call->response,
                                  /* as the kernel does: no firmware was reached yet */
                                  .exitinfo2 = UINT32_MAX};
        SV_FD fd = open(path, O_RDWR | O_CLOEXEC);
        int result;

        if (fd < 0)
                return -errno;
        result = ioctl(fd, _IOWR('S', (unsigned)code, struct guest_request), &r) < 0 ? -errno : 0;
        call->fw_error = (uint32_t)r.exitinfo2;
        call->vmm_error = (uint32_t)(r.exitinfo2 >> 32);
        return result;
}

static int call_device(const struct sv_snp_dev *dev, enum sv_snp_code code, const void *request,
                       void *response, struct sv_snp_call *call)
{
        *call = (struct sv_snp_call){1, (uint64_t)(uintptr_t)request, (uint64_t)(uintptr_t)response,
                                     0, 0};
        if (dev && dev->call)
                return dev->call(dev->arg, code, call);
        return issue_guest_request(dev && dev->path ? dev->path : SV_SNP_DEVICE, code, call);
}

/* --- what went wrong --- */

static const char *describe_code(const struct sv_snp_call *call)
{
        if (call->vmm_error == VMM_BUSY)
                return "the hypervisor limits how often it asks the firmware; try again";
        if (call->vmm_error == VMM_TOO_SMALL)
                return "the hypervisor wants to give more certificates than the kernel takes";
        if (call->vmm_error)
                return "the hypervisor refuses";
        if (call->fw_error == FW_INVALID_PARAM)
                return "the firmware refuses the parameters: a guest may ask for its own privilege "
                       "level (VMPL) or a less privileged one, and "
                       "not for a newer version than it has";
        if (call->fw_error == UINT32_MAX)
                return "the request did not reach the firmware: the channel's keys (VMPCK) are "
                       "used up or wiped, only a new launch helps";
        return call->fw_error ? "the firmware refuses" : "the kernel refuses";
}

static int fail_call(const char *what, int error, const struct sv_snp_call *call,
                     struct sv_err *err)
{
        if (error == -ENOENT || error == -ENXIO || error == -EACCES || error == -EPERM) {
                errno = -error;
                return sv_fail_errno(err, "snp.device.open",
                                     "cannot open the SEV guest device for %s", what);
        }
        errno = -error;
        return sv_fail_errno(err, "snp.device.request", "%s: %s (firmware 0x%x, hypervisor %u)",
                             what, describe_code(call), call->fw_error, call->vmm_error);
}

static int check_status(uint32_t status, struct sv_err *err)
{
        if (status == 0)
                return 0;
        if (status == FW_INVALID_PARAM)
                return sv_fail(err, SV_SYSTEM, "snp.response.status",
                               "the firmware refuses the parameters (status 0x16): most often a "
                               "privilege level (VMPL) above the guest's own");
        return sv_fail(err, SV_SYSTEM, "snp.response.status",
                       "the firmware answered with status 0x%x%s", status,
                       status == 0x27 ? ": the chosen key does not exist on this machine" : "");
}

/* --- reports --- */

int sv_snp_response_read(struct sv_bytes response, struct sv_bytes *report, struct sv_err *err)
{
        struct sv_rd r = sv_rd(response);
        uint32_t status = sv_rd_u32le(&r), size = sv_rd_u32le(&r);

        sv_rd_skip(&r, REPORT_AT - 8);
        if (sv_rd_ok(&r, "snp.response.size", "the response", err) < 0 ||
            check_status(status, err) < 0)
                return -1;
        if (size != SV_REPORT_SIZE)
                return sv_fail(err, SV_FORMAT, "snp.response.size",
                               "a report of %u bytes, expected %u", size, SV_REPORT_SIZE);
        *report = sv_rd_bytes(&r, size);
        return sv_rd_ok(&r, "snp.response.size", "the report in the response", err);
}

/* The certificates' buffer must be whole pages; the hypervisor says how many it wants. */
static int get_extended_report(const struct sv_snp_dev *dev, const struct report_req *req,
                               uint8_t *response, struct sv_buf *certs, struct sv_err *err)
{
        struct ext_report_req ext = {.data = *req, .certs_len = PAGE};
        struct sv_snp_call call;

        for (int i = 0; i < 4; i++) {
                void *buffer = aligned_alloc(PAGE, ext.certs_len);
                uint32_t had = ext.certs_len;
                int r;

                if (!buffer)
                        return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for certificates");
                memset(buffer, 0, had);
                ext.certs_address = (uint64_t)(uintptr_t)buffer;
                r = call_device(dev, SV_SNP_GET_EXT_REPORT, &ext, response, &call);
                if (r == 0)
                        sv_buf_put(certs, sv_bytes(buffer, had));
                free(buffer);
                if (r == 0)
                        return sv_buf_ok(certs, "certificates", err);
                if (call.vmm_error != VMM_TOO_SMALL || ext.certs_len <= had ||
                    ext.certs_len > CERTS_MAX || ext.certs_len % PAGE)
                        return fail_call("extended report", r, &call, err);
        }
        return sv_fail(err, SV_SYSTEM, "snp.device.request",
                       "the hypervisor asks for a larger buffer for certificates each time");
}

int sv_snp_dev_report(const struct sv_snp_dev *dev, struct sv_bytes data, unsigned vmpl,
                      struct sv_buf *report, struct sv_buf *certs, struct sv_err *err)
{
        struct report_req req = {.vmpl = vmpl};
        uint8_t response[SV_SNP_RESPONSE] = {0};
        struct sv_snp_call call;
        struct sv_bytes found;
        int r = 0;

        if (data.n != sizeof(req.user_data))
                return sv_fail(err, SV_USAGE, "snp.device.request",
                               "expected %zu bytes of report data, found %zu",
                               sizeof(req.user_data), data.n);
        memcpy(req.user_data, data.p, data.n);
        if (certs && get_extended_report(dev, &req, response, certs, err) < 0)
                return -1;
        if (!certs && (r = call_device(dev, SV_SNP_GET_REPORT, &req, response, &call)) < 0)
                return fail_call("report", r, &call, err);
        if (sv_snp_response_read(sv_bytes(response, sizeof(response)), &found, err) < 0)
                return -1;
        sv_buf_put(report, found);
        return sv_buf_ok(report, "the report", err);
}

/* --- keys --- */

struct sv_secret *sv_snp_dev_derive(const struct sv_snp_dev *dev, const struct sv_snp_key *key,
                                    struct sv_err *err)
{
        struct key_req req = {.root_key_select = key->vmrk,
                              .guest_field_select = key->fields,
                              .vmpl = key->vmpl,
                              .guest_svn = key->svn,
                              .tcb_version = key->tcb};
        SV_SECRET *response = sv_secret_new(REPORT_AT + SV_SNP_KEY_SIZE, err);
        struct sv_secret *out = NULL;
        struct sv_snp_call call;
        struct sv_rd rd;
        int r;

        if (!response)
                return NULL;
        r = call_device(dev, SV_SNP_GET_DERIVED_KEY, &req, sv_secret_reveal(response), &call);
        if (r < 0) {
                fail_call("derived key", r, &call, err);
                return NULL;
        }
        rd = sv_rd(sv_bytes(sv_secret_reveal(response), sv_secret_size(response)));
        if (check_status(sv_rd_u32le(&rd), err) < 0)
                return NULL;
        sv_rd_seek(&rd, REPORT_AT);
        out = sv_secret_copy(sv_rd_rest(&rd), err);
        return out;
}
