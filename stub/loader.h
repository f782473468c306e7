/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's loader script (hw/acpi/bios-linker-loader.c; edk2 OvmfPkg/AcpiPlatformDxe), by which a
 * firmware puts the machine's ACPI tables into memory. Commands of 128 bytes, little-endian, a
 * number first:
 *
 *   0 end                                                    (or a place that is not used)
 *   1 allocate      file[56] align:4 zone:1
 *   2 add pointer   file[56] source[56] offset:4 size:1      file[offset] += address of source
 *   3 add checksum  file[56] result:4 start:4 length:4
 *   4 write pointer                                          tells the host; not done here
 *
 * Another number, or a command that does not fit, is an error. Pure. */
#pragma once

#include "stub/bundle.h"

/* The three that are always there. */
#define SV_LOADER_SCRIPT "etc/table-loader"
#define SV_LOADER_RSDP   "etc/acpi/rsdp"
#define SV_LOADER_TABLES "etc/acpi/tables"

/* Gives memory of `f->size` bytes, aligned, below 4 GiB. */
struct sv_loader_memory {
        int (*allocate)(const struct sv_loader_memory *m, struct sv_bundle_file *f, uint32_t align,
                        struct sv_err *err);
        void *context;
};

/* Runs the bundle's script: its files are in memory, with their pointers and checksums. *rsdp is
 * the root pointer's. SV_FORMAT "stub.loader.files" (one of the three is missing, or no memory for
 * it), "stub.loader.command", "stub.loader.name", "stub.loader.align", "stub.loader.pointer",
 * "stub.loader.checksum". */
int sv_loader_run(struct sv_bundle *b, const struct sv_loader_memory *m, uint64_t *rsdp,
                  struct sv_err *err);
/* Is this byte, or one of these n, a pointer that the script wrote? After sv_loader_run. */
bool sv_loader_points(struct sv_bundle *b, uint64_t address, size_t n);
