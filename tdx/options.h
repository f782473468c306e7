/* SPDX-License-Identifier: Apache-2.0 */
/* The guest file's object /tees/tdx (docs/FORMATS.md): what only a TD has. The flags of `secure-vm
 * measure` fill the same object. */
#pragma once

#include "guest/guest.h"

#define SV_TDX_QGS "/var/run/tdx-qgs/qgs.socket" /* libvirt's default, and Intel's package */

/* TDATTRIBUTES (Intel TDX Module ABI Specification, "ATTRIBUTES"). */
#define SV_TDX_ATTR_DEBUG           (1ull << 0)
#define SV_TDX_ATTR_SEPT_VE_DISABLE (1ull << 28)

struct sv_tdx_options {
        uint64_t attributes; /* TDATTRIBUTES; default 0x10000000: SEPT_VE_DISABLE, no debugging */
        /* must be true when the attributes have the debug bit: debugging is asked for twice, so
         * that it is no accident */
        bool allow_debug;
        char *mrconfigid;              /* 96 hex digits; or init_data */
        char *mrowner, *mrownerconfig; /* 96 hex digits */
        char *init_data;               /* path: its digest becomes MRCONFIGID */
        char *page_order;              /* "mainline" (default), "two-pass": sv_tdx_monitor */
        /* of the firmware (tdx/measure/firmware.h); NULL: what the image itself shows */
        char *generation;
        /* path: a folder with the ACPI tables and other files of fw_cfg, as the guest's firmware
         * finds them */
        char *acpi;
        /* what a policy may leave out when it is not predicted: bit n for sv_tdx_may_lack[n] */
        unsigned allow_unpredicted;
        /* must be true beside RTMR0 in there: the host's AML then runs in the guest */
        bool allow_host_acpi;
        char *test_root;         /* path: a root trusted in place of Intel's, for tests */
        struct sv_json *require; /* what the platform must be: tdx/measure/require.h */
        /* vsock port at which the guest itself reaches the host's quote service; 0: it does not */
        uint64_t quote_port;
        char *quote_service; /* NULL: SV_TDX_QGS; a socket's path, "vsock:CID:PORT", or "none" */
};

/* RTMR0, RTMR1, RTMR2; MRTD must always be there. Ends with NULL */
extern const char *const sv_tdx_may_lack[];

int sv_tdx_options_read(const struct sv_guest *g, struct sv_tdx_options *out, struct sv_err *err);
/* struct sv_tee_host.check_options: what it requires of the platform, too */
int sv_tdx_options_check(const struct sv_guest *g, struct sv_err *err);
void sv_tdx_options_free(struct sv_tdx_options *o);
#define SV_TDX_OPTIONS __attribute__((cleanup(sv_tdx_options_free))) struct sv_tdx_options

/* MRCONFIGID, MROWNER, MROWNERCONFIG of the launch: as given (MRCONFIGID: or the digest of
 * init-data, SHA-384 unless it names another; SHA-512 is cut, SHA-256 followed by zeros), else
 * zero. */
struct sv_tdx_ids {
        uint8_t mrconfigid[48], mrowner[48], mrownerconfig[48];
        bool has_mrconfigid, has_mrowner, has_mrownerconfig;
};
int sv_tdx_ids(const struct sv_tdx_options *o, struct sv_tdx_ids *out, struct sv_err *err);
