/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the stub that talk to the firmware. */
#pragma once

#include "base/core/rd.h"
#include "stub/efi.h"

/* Of this boot; set once, by efi_main. */
struct stub {
        efi_handle image;
        struct efi_system_table *system;
        struct efi_loaded_image *loaded;
        struct sv_bytes acpi, cmdline, initrd, kernel; /* the sections */
};
extern struct stub stub;

#define CHECK_EFI(status) (((status)&EFI_ERROR_BIT) == 0)

/* --- console.c: printf's %s, %.*s, %u, %d, %x, %llx, %zu; a line each --- */
void print_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- memory.c --- */
/* Pages below 4 GiB at a multiple of `align`; NULL when there are none. */
void *get_pages(size_t bytes, size_t align, unsigned type);

/* --- acpi.c --- */
/* Makes our tables, names the host's that differ, puts ours in their place; takes away SMBIOS'.
 * SV_POLICY "stub.refuse" when they differ and that is final. */
int replace_tables(struct sv_err *err);

/* --- initrd.c --- */
/* Offers our initramfs to the kernel, and nobody else's. */
int offer_initrd(struct sv_err *err);

/* --- protect.c --- */
struct sv_pe_load; /* stub/pe-load.h */
/* The kernel at `memory` may be started: its code executed and not written, the rest of it written
 * and not executed, where the firmware tells pages apart. SV_SYSTEM "stub.protect". */
int protect_kernel(const struct sv_pe_load *pe, uint8_t *memory, struct sv_err *err);

/* --- kernel.c --- */
/* Loads the kernel and starts it; returns on failure only. */
int start_kernel(struct sv_err *err);
