/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/platform.h"

#define STRUCT_SIZE  0x8c
#define LOW_SPLIT    0xb0000000u /* q35: with more memory, only 2 GiB lie below 4 GiB */
#define LOW_MAX      0x80000000u
#define TSEG_SIZE    0x1000000u /* QEMU's default for system management memory */
#define S3_SIZE      0x80000u   /* kept for waking up, and a stack for each CPU */
#define S3_STACK     0x8000u
#define GIB          (1ull << 30)
#define FOUR_GIB     (4 * GIB)
#define WINDOW_BEGIN (32 * GIB)
#define MEMORY_MIN   (128ull << 20)

/* How to find a new build's row: docs/FORMATS.md, "PCR 0 and the platform structure". */
static const struct sv_platform_build builds[] = {
        {"Debian 12, ovmf 2022.11-6+deb12u2, OVMF_CODE_4M.fd",
         "471281a7d197d12ac61a810e5150b9b5ddc47be78ef0c24af7a8192c81b3a808", 0xe0c0, false},
        {"Debian 12, ovmf 2022.11-6+deb12u2, OVMF_CODE_4M.secboot.fd",
         "dd099b33f9e54526542b92036e12aed1af73d17f0cdeaa12ab02b1030953ac4c", 0xe0c0, true},
        {"Debian 12, ovmf 2022.11-6+deb12u2, OVMF_CODE.fd",
         "18e2c1cc4960c2694c162e8e756fbf467aaeceee7dbfe1e1dd919ffb2cd9a9d2", 0xefc0, false},
};

const struct sv_platform_build *sv_platform_build(const char *pei_sha256)
{
        for (size_t i = 0; i < sizeof(builds) / sizeof(*builds); i++)
                if (strcmp(builds[i].pei, pei_sha256) == 0)
                        return &builds[i];
        return NULL;
}

enum sv_platform_cpu sv_platform_cpu(const char *model)
{
        static const struct {
                const char *prefix;
                enum sv_platform_cpu cpu;
        } known[] = {
                {"max", SV_PLATFORM_AMD},           {"qemu", SV_PLATFORM_AMD},
                {"EPYC", SV_PLATFORM_AMD},          {"Opteron", SV_PLATFORM_AMD},
                {"phenom", SV_PLATFORM_AMD},        {"Skylake", SV_PLATFORM_INTEL},
                {"Cascadelake", SV_PLATFORM_INTEL}, {"Icelake", SV_PLATFORM_INTEL},
                {"Broadwell", SV_PLATFORM_INTEL},   {"Haswell", SV_PLATFORM_INTEL},
                {"IvyBridge", SV_PLATFORM_INTEL},   {"SandyBridge", SV_PLATFORM_INTEL},
                {"Westmere", SV_PLATFORM_INTEL},    {"Nehalem", SV_PLATFORM_INTEL},
        };

        if (!model)
                return SV_PLATFORM_AMD;
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (strncmp(model, known[i].prefix, strlen(known[i].prefix)) == 0)
                        return known[i].cpu;
        return 0;
}

static void put_platform_value(uint8_t *s, size_t at, size_t size, uint64_t v)
{
        for (size_t i = 0; i < size; i++)
                s[at + i] = (uint8_t)(v >> 8 * i);
}

static unsigned count_vcpus_max(const struct sv_platform *p)
{
        return p->vcpus_max > p->vcpus ? p->vcpus_max : p->vcpus;
}

/* Memory that comes later has its place behind all other, at a whole GiB; with its end above 32 GiB
 * the window of PCI devices moves. */
static bool has_room_below_devices(const struct sv_platform *p)
{
        uint64_t above = p->memory >= LOW_SPLIT ? p->memory - LOW_MAX : 0,
                 begin = (FOUR_GIB + above + GIB - 1) & ~(GIB - 1);

        return !p->more || (p->more <= WINDOW_BEGIN && begin + p->more <= WINDOW_BEGIN);
}

/* The structure's members in their order; it is packed, and begins with a 24-byte HOB header that
 * is filled in later. */
static void fill_platform(const struct sv_platform_build *build, const struct sv_platform *p,
                          uint8_t *s)
{
        bool amd = p->cpu == SV_PLATFORM_AMD;
        uint64_t low = p->memory >= LOW_SPLIT ? LOW_MAX : p->memory;
        unsigned vcpus_max = count_vcpus_max(p);
        uint64_t s3 = S3_SIZE + (uint64_t)S3_STACK * vcpus_max;

        put_platform_value(s, 0x18, 2, 0x29c0); /* HostBridgeDevId: q35 */
        put_platform_value(s, 0x27, 1, 1);      /* S3Supported */
        if (build->smm) {
                put_platform_value(s, 0x28, 1, 1); /* SmmSmramRequire */
                put_platform_value(s, 0x29, 1, 1); /* Q35SmramAtDefaultSmbase */
                put_platform_value(s, 0x2a, 2, TSEG_SIZE >> 20);
                low -= TSEG_SIZE;
        }
        put_platform_value(s, 0x2c, 8, 64ull << 30);   /* FirstNonAddress */
        put_platform_value(s, 0x34, 1, amd ? 40 : 36); /* PhysMemAddressWidth */
        put_platform_value(s, 0x35, 4, 0x80000000u);   /* Uc32Base */
        put_platform_value(s, 0x46, 8,
                           amd ? (1ull << 40) - (1ull << 37) : 32ull << 30); /* PcdPciMmio64Base */
        put_platform_value(s, 0x4e, 8, amd ? 1ull << 37 : 32ull << 30);      /* PcdPciMmio64Size */
        put_platform_value(s, 0x56, 4, 0xc0000000u);                         /* PcdPciMmio32Base */
        put_platform_value(s, 0x5a, 4, 0x3c000000u);                         /* PcdPciMmio32Size */
        put_platform_value(s, 0x5e, 8, 0x6000);                              /* PcdPciIoBase */
        put_platform_value(s, 0x66, 8, 0xa000);                              /* PcdPciIoSize */
        /* PcdCpuBootLogicalProcessorNumber */
        put_platform_value(s, 0x76, 4, p->vcpus);
        /* PcdCpuMaxLogicalProcessorNumber */
        put_platform_value(s, 0x7a, 4, vcpus_max);
        put_platform_value(s, 0x7e, 4, 64);       /* DefaultMaxCpuNumber */
        put_platform_value(s, 0x82, 4, low - s3); /* S3AcpiReservedMemoryBase */
        put_platform_value(s, 0x86, 4, s3);       /* S3AcpiReservedMemorySize */
        /* two flags behind it, set by then */
        put_platform_value(s, 0x8a, 2, 0x0101);
}

int sv_platform_write(const struct sv_platform_build *build, const struct sv_platform *p,
                      uint8_t *pei, size_t n, struct sv_err *err)
{
        if (p->vcpus == 0 || count_vcpus_max(p) > SV_PLATFORM_VCPUS_MAX || p->memory < MEMORY_MIN ||
            p->memory > SV_PLATFORM_MEMORY_MAX || !has_room_below_devices(p))
                return sv_fail(err, SV_USAGE, "ovmf.platform.range",
                               "%u CPUs and %llu bytes of memory; what OVMF makes of them is known "
                               "for 1 to %d "
                               "CPUs and 128 MiB to 30 GiB",
                               count_vcpus_max(p), (unsigned long long)(p->memory + p->more),
                               SV_PLATFORM_VCPUS_MAX);
        if (build->at > n || n - build->at < STRUCT_SIZE)
                return sv_fail(err, SV_FORMAT, "ovmf.platform.layout",
                               "the volume ends before the platform structure");
        for (size_t i = 0; i < STRUCT_SIZE; i++)
                if (pei[build->at + i])
                        return sv_fail(err, SV_FORMAT, "ovmf.platform.layout",
                                       "the place of the platform structure is not empty");
        fill_platform(build, p, pei + build->at);
        return 0;
}
