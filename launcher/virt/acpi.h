/* SPDX-License-Identifier: Apache-2.0 */
/* The files of fw_cfg that a guest's firmware measures, taken from a QEMU that starts the same
 * machine without any TEE. QEMU makes its ACPI tables when the firmware asks for them, which is
 * after the firmware has placed the PCI devices: so the firmware runs, in emulation, until it has;
 * then the files are read from outside. */
#pragma once

#include <stddef.h>

#include "guest/guest.h"
#include "tee/host.h"
#include "launcher/virt/argv.h"

/* Firmware places 64-bit BARs by the width of physical addresses, up to 46 bits, and tables say
 * where. Every processor with TDX has that many. */
#define SV_ACPI_BITS 46
/* A processor of that many bits of physical addresses, emulated. */
void sv_acpi_add_cpu(unsigned bits, struct sv_argv *out);

/* A machine by its parts. */
struct sv_acpi_machine {
        const char *qemu;     /* program */
        const char *machine;  /* -machine */
        const char *firmware; /* -bios */
        const char *kernel;   /* or NULL: no kernel (the boot order says whether there is one) */
        unsigned long long memory; /* bytes */
        unsigned vcpus;
        const char *const *more; /* further arguments, ends with NULL */
};
/* Its command line. */
void sv_acpi_make_argv(const struct sv_acpi_machine *m, struct sv_argv *out);
/* The command line of a guest's machine, as libvirt at `uri` (NULL: our own) would start it under
 * this TEE, without the TEE. SV_USAGE "acpi.tee" when nothing of this TEE's measurement depends on
 * ACPI tables; else as sv_qemu_argv_rewrite. */
int sv_acpi_make_guest_argv(const struct sv_guest *g, const struct sv_tee_host *tee,
                            const char *uri, struct sv_argv *out, struct sv_err *err);
/* Less memory than firmware starts with: SV_USAGE "acpi.memory". */
int sv_acpi_check_memory(unsigned long long bytes, struct sv_err *err);

/* Runs that command line, emulated, until its firmware has placed the devices, and writes the files
 * below `dir` under their names in fw_cfg; *n of them; those of them that this machine does not
 * have are removed. When it fails before that, the folder is as it was. SV_SYSTEM "acpi.qemu"
 * (cannot be started, or ends; with what it said), "acpi.firmware" (does not come so far in time),
 * "acpi.fw_cfg" (an answer that makes no sense), "acpi.out" (a file of another machine stays). */
int sv_acpi_probe(const struct sv_argv *command, unsigned seconds, const char *dir, size_t *n,
                  struct sv_err *err);
