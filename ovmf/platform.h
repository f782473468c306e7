/* SPDX-License-Identifier: Apache-2.0 */
/* What OVMF's PlatformPei keeps in its own data (EFI_HOB_PLATFORM_INFO, edk2-stable202211
 * OvmfPkg/Include/Library/PlatformInitLib.h). The module runs in place in PEIFV, before the volume
 * is measured: so what is measured is not the file's bytes alone; it holds the number of CPUs, the
 * size of memory and the CPU's address bits. Pure. */
#pragma once

#include "ovmf/fv.h"

/* How many address bits OVMF believes in: 40 bits are QEMU's default, which it trusts on CPUs of
 * AMD's kind only (QemuQuirk). */
enum sv_platform_cpu { SV_PLATFORM_AMD = 1, SV_PLATFORM_INTEL };

struct sv_platform {
        unsigned vcpus, vcpus_max; /* at the start, and with those that can come; 0: as many */
        uint64_t memory;           /* bytes, at the start */
        uint64_t more;             /* bytes that can come */
        enum sv_platform_cpu cpu;
};

/* A build of OVMF whose layout is known. */
struct sv_platform_build {
        const char *name;
        const char *pei; /* SHA-256 of PEIFV as it is in the file, hex */
        size_t at;       /* offset of the structure in PEIFV */
        bool smm;        /* keeps 16 MiB for system management mode */
};

#define SV_PLATFORM_MEMORY_MAX (30ull << 30) /* with more, the window of PCI devices moves */
#define SV_PLATFORM_VCPUS_MAX  64

/* The build with this PEIFV; NULL when it is not known. */
const struct sv_platform_build *sv_platform_build(const char *pei_sha256);
/* The kind of a QEMU CPU model (NULL: the default); 0 when not known. */
enum sv_platform_cpu sv_platform_cpu(const char *model);
/* Writes into a copy of PEIFV (`n` bytes) what PlatformPei writes on machine q35 with ACPI S3, 40
 * address bits. SV_USAGE "ovmf.platform.range": more CPUs or memory than the
 * model holds for, or less memory than OVMF starts with; SV_FORMAT "ovmf.platform.layout": the
 * structure's place is not empty. */
int sv_platform_write(const struct sv_platform_build *build, const struct sv_platform *p,
                      uint8_t *pei, size_t n, struct sv_err *err);
