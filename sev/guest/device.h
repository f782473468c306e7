/* SPDX-License-Identifier: Apache-2.0 */
/* /dev/sev-guest (include/uapi/linux/sev-guest.h): reports, reports with the host's certificates,
 * derived keys. What a guest without configfs-tsm uses, and the only way to a derived key. */
#pragma once

#include "base/core/buf.h"
#include "base/core/secret.h"

#define SV_SNP_DEVICE      "/dev/sev-guest"
#define SV_SNP_RESPONSE    4000u /* what the kernel copies out for a report */
#define SV_SNP_KEY_SIZE    32u
#define SV_SNP_REPORT_DATA 64u

/* The kernel's struct snp_guest_request_ioctl. */
struct sv_snp_call {
        uint8_t msg_version;
        uint64_t request;
        uint64_t response;
        uint32_t fw_error; /* of the firmware */
        /* of the hypervisor: 1 the buffer for certificates is too small, 2 busy */
        uint32_t vmm_error;
};
enum sv_snp_code { SV_SNP_GET_REPORT = 0, SV_SNP_GET_DERIVED_KEY = 1, SV_SNP_GET_EXT_REPORT = 2 };

/* Tests put a device of their own here. */
struct sv_snp_dev {
        const char *path; /* NULL: SV_SNP_DEVICE */
        /* NULL: the device; 0 or -errno */
        int (*call)(void *arg, enum sv_snp_code code, struct sv_snp_call *call);
        void *arg;
};

/* The report that is in the response to MSG_REPORT_REQ (AMD 56860, table 25): SV_FORMAT
 * "snp.response.size", SV_SYSTEM "snp.response.status". *report points into the response. Pure. */
int sv_snp_response_read(struct sv_bytes response, struct sv_bytes *report, struct sv_err *err);

/* A report over `data` (64 bytes) for `vmpl`. certs: NULL, or gets the certificate table that the
 * host gave (may be empty). SV_SYSTEM "snp.device.open", "snp.device.request" (with what firmware
 * or hypervisor said), "snp.response.…". */
int sv_snp_dev_report(const struct sv_snp_dev *dev, struct sv_bytes data, unsigned vmpl,
                      struct sv_buf *report, struct sv_buf *certs, struct sv_err *err);

/* MSG_KEY_REQ (AMD 56860, table 18): what a derived key depends on besides the root key. */
#define SV_SNP_KEY_POLICY      (1u << 0)
#define SV_SNP_KEY_IMAGE_ID    (1u << 1)
#define SV_SNP_KEY_FAMILY_ID   (1u << 2)
#define SV_SNP_KEY_MEASUREMENT (1u << 3)
#define SV_SNP_KEY_SVN         (1u << 4)
#define SV_SNP_KEY_TCB         (1u << 5)

struct sv_snp_key {
        bool vmrk;       /* root: the migration agent's key instead of the VCEK's */
        uint64_t fields; /* SV_SNP_KEY_… */
        unsigned vmpl;
        uint32_t svn; /* at most the guest's own */
        uint64_t tcb; /* at most the committed one */
};
/* NULL and SV_SYSTEM as above. */
struct sv_secret *sv_snp_dev_derive(const struct sv_snp_dev *dev, const struct sv_snp_key *key,
                                    struct sv_err *err);
