/* SPDX-License-Identifier: Apache-2.0 */
/* Linux kernel images for x86 (Documentation/arch/x86/boot.rst), and what QEMU makes of one before
 * the firmware gets it. Pure. */
#pragma once

#include "base/core/rd.h"

struct sv_linux {
        uint16_t protocol; /* 0x020f: boot protocol 2.15 */
        uint16_t xloadflags;
        uint32_t initrd_max; /* highest address that the kernel allows */
        size_t setup_size;   /* boot sector and setup */
        char version[128];   /* "6.1.0-56-amd64 (…)"; printable, not verified */
};

/* SV_FORMAT "ovmf.linux.magic", "ovmf.linux.protocol", "ovmf.linux.header". */
int sv_linux_parse(struct sv_bytes image, struct sv_linux *out, struct sv_err *err);

/* Does it begin as what the kernel unpacks as its initramfs (init/initramfs.c, lib/decompress.c): a
 * cpio archive, plain or packed, behind any number of words of zeros? SV_FORMAT
 * "ovmf.initramfs.magic". */
int sv_initramfs_check(struct sv_bytes head, struct sv_err *err);

struct sv_linux_boot {
        uint64_t memory;      /* of the guest, bytes */
        uint64_t initrd_size; /* bytes; 0: none */
        const char *cmdline;
};

/* QEMU fills in the setup header as a boot loader (hw/i386/x86-common.c, x86_load_linux), on
 * machine q35: the image that the firmware starts and measures is not the file, and depends on the
 * memory's and the initramfs' size. Changes `image` in place. SV_USAGE "ovmf.linux.memory" (the
 * initramfs does not fit), "ovmf.linux.vga" (QEMU would refuse the command line). */
int sv_linux_qemu(const struct sv_linux *l, uint8_t *image, const struct sv_linux_boot *boot,
                  struct sv_err *err);
