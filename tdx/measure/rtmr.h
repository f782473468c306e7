/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a TD's measured boot, as tdx/rtmr*.c put them together (UEFI specification 2.10,
 * section 38.4: PCR 1 and 7 are RTMR0, 2 to 6 are RTMR1, 8 to 15 are RTMR2). */
#pragma once

#include "tee/boot.h"
#include "ovmf/shim.h"
#include "tdx/measure/firmware.h"
#include "tdx/options.h"

struct sv_tdx_boot {
        const struct sv_guest *guest;
        const struct sv_tdx_options *options;
        const struct sv_tdx_monitor *monitor;
        const struct sv_tdx_firmware *firmware;
        /* NULL: the guest boots from its disk; the kernel is changed in place as the monitor does
         */
        struct sv_boot *files;
        /* the image's own variables; NULL: the firmware is not readable */
        struct sv_varstore *store;
        bool secure_boot;         /* the firmware asks for signatures */
        struct sv_buf shim_image; /* with guest->shim */
        struct sv_shim shim;
        char shim_unknown[384]; /* why it is not known what the shim measures; "" when it is */
        /* under Secure Boot: who allows what the firmware starts, and what the shim starts */
        struct sv_authority first, second;
        char refused[512]; /* why one of them does not start it; "" when they do */
};

/* Fills in what other files than the kernel hold: the variables of the image, the shim. Free with
 * the other, also after a failure. */
int sv_tdx_boot_read(struct sv_tdx_boot *b, struct sv_err *err);
void sv_tdx_boot_free(struct sv_tdx_boot *b);
/* RTMR0 under Secure Boot: what the firmware adds before its boot options, and what a shim adds in
 * the end. */
int sv_tdx_firmware_authority(struct sv_prediction *p, const struct sv_tdx_boot *b,
                              struct sv_err *err);
int sv_tdx_shim_variables(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
/* What the firmware measures of its machine and of itself: RTMR0. */
int sv_tdx_rtmr0(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
/* The steps of RTMR1 around what runs, which every boot of QEMU's kernel has: before the first
 * image is started, and at the end. */
int sv_tdx_rtmr1_begin(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
int sv_tdx_rtmr1_end(struct sv_prediction *p, struct sv_err *err);
/* A shim before what it starts: itself in RTMR1 (SV_USAGE "tdx.shim": the firmware starts none),
 * its lists of keys in RTMR2. */
int sv_tdx_add_shim(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
int sv_tdx_shim_lists(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
/* What is started, and what the kernel's stub measures: RTMR1 and RTMR2. */
int sv_tdx_rtmr_boot(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
/* The same for a unified kernel image. */
int sv_tdx_rtmr_uki(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
/* The boot options that the firmware registers: BootOrder and each of them. */
int sv_tdx_boot_variables(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
/* QEMU's ACPI tables, from that folder. SV_USAGE "tdx.acpi" when they are for another number of
 * vCPUs. */
int sv_tdx_acpi(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err);
/* A file of fw_cfg in the folder that the guest file names: 1, or 0 when there is none. */
int sv_tdx_fw_cfg(const struct sv_tdx_boot *b, const char *name, struct sv_buf *out,
                  struct sv_err *err);
/* The separator's data. */
#define SV_TDX_SEPARATOR sv_bytes("\0\0\0", 4)
