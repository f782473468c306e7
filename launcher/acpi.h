/* The files of fw_cfg that a guest's firmware measures, taken from a QEMU that starts the same machine without any TEE. QEMU makes its ACPI
 * tables when the firmware asks for them, which is after the firmware has placed the PCI devices: so the firmware runs, in emulation, until
 * it has; then the files are read from outside. */
#pragma once

#include <stddef.h>

#include "base/err.h"

struct sv_acpi_machine {
        const char *qemu;        /* program */
        const char *machine;     /* -machine */
        const char *firmware;    /* -bios */
        const char *kernel;      /* or NULL: no kernel (the boot order says whether there is one) */
        unsigned long long memory; /* bytes */
        unsigned vcpus;
        const char *const *more; /* further arguments, ends with NULL */
        unsigned timeout;        /* seconds */
};

/* Writes them below `dir` under their names in fw_cfg; *n of them. SV_SYSTEM "acpi.qemu" (cannot be started, or ends; with what it said),
 * "acpi.firmware" (does not come so far in time), "acpi.fw_cfg" (an answer that makes no sense). */
int sv_acpi_probe(const struct sv_acpi_machine *m, const char *dir, size_t *n, struct sv_err *err);
