/* SPDX-License-Identifier: Apache-2.0 */
/* The processor that the played KVM has, whole and the same on every machine: an EPYC of the third
 * generation (family 19h, model 1), as Linux' KVM offers one to its guests. Features that depend on
 * the state area stay at what every XSAVE has room for: x87, SSE, AVX and PKRU. No guest runs, so
 * that a TD may be given the same processor: it is host-passthrough, and the module compares with
 * its own list (tdxcpuid.c). */
#include <errno.h>
#include <string.h>

#include "tests/teesim/kvmstate.h"

#define N_OF(table)  (sizeof(table) / sizeof((table)[0]))
#define INDEXED      KVM_CPUID_FLAG_SIGNIFCANT_INDEX
#define AUTHENTICAMD .ebx = 0x68747541, .ecx = 0x444d4163, .edx = 0x69746e65

/* Registers: AMD APM volume 3, appendix E; 0x40000000: Documentation/virt/kvm/x86/cpuid.rst. */
static const struct kvm_cpuid_entry2 processor[] = {
        /* the highest leaf, the vendor */
        {.function = 0x0, .eax = 0x10, AUTHENTICAMD},
        /* family 19h, model 1, stepping 1; CLFLUSH of 64 bytes; features up to AVX and RDRAND, with
         * PCID, x2APIC, TSC deadline and the hypervisor's bit; OSXSAVE is the guest's to set */
        {.function = 0x1,
         .eax = 0x00a00f11,
         .ebx = 0x00000800,
         .ecx = 0xf7fa3203,
         .edx = 0x178bfbff},
        /* ARAT */
        {.function = 0x6, .eax = 0x4},
        /* FSGSBASE, AVX2, SMEP, SMAP, ERMS, INVPCID, RDSEED, ADX, CLFLUSHOPT, CLWB, SHA; UMIP, PKU,
         * VAES, VPCLMULQDQ, RDPID; FSRM */
        {.function = 0x7,
         .index = 0,
         .flags = INDEXED,
         .ebx = 0x219c07ab,
         .ecx = 0x0040060c,
         .edx = 0x00000010},
        {.function = 0x7, .index = 1, .flags = INDEXED},
        /* the state area: x87, SSE, AVX, PKRU in 0x988 bytes; XSAVEOPT, XSAVEC, XGETBV(1), XSAVES
         */
        {.function = 0xd, .index = 0, .flags = INDEXED, .eax = 0x207, .ebx = 0x240, .ecx = 0x988},
        {.function = 0xd, .index = 1, .flags = INDEXED, .eax = 0xf, .ebx = 0x348},
        {.function = 0xd, .index = 2, .flags = INDEXED, .eax = 0x100, .ebx = 0x240},
        {.function = 0xd, .index = 9, .flags = INDEXED, .eax = 0x8, .ebx = 0x980},
        /* the highest extended leaf, the vendor */
        {.function = 0x80000000, .eax = 0x80000021, AUTHENTICAMD},
        /* LAHF, SVM, CR8 as LOCK MOV CR0, ABM, SSE4A, misaligned SSE, 3DNow prefetch, OSVW, core
         * counters; SYSCALL, NX, MMX extensions, 1 GiB pages, RDTSCP, long mode */
        {.function = 0x80000001,
         .eax = 0x00a00f11,
         .ebx = 0x40000000,
         .ecx = 0x00c003f7,
         .edx = 0x2fd3fbff},
        /* caches and TLBs: 32 KiB, 512 KiB, 32 MiB */
        {.function = 0x80000005,
         .eax = 0xff40ff40,
         .ebx = 0xff40ff40,
         .ecx = 0x20080140,
         .edx = 0x20080140},
        {.function = 0x80000006,
         .eax = 0x5c002200,
         .ebx = 0x68004200,
         .ecx = 0x02006140,
         .edx = 0x01009140},
        /* the TSC is invariant */
        {.function = 0x80000007, .edx = 0x100},
        /* addresses of 48 bits; CLZERO, XSAVEERPTR, WBNOINVD, IBPB, IBRS, STIBP and always on,
         * SSBD, PSFD */
        {.function = 0x80000008, .eax = 0x00003030, .ebx = 0x1102d245},
        /* SVM: nested paging, LBR, NRIP save, pause filter, a check of its addresses */
        {.function = 0x8000000a, .eax = 1, .ebx = 0x8000, .edx = 0x1000040b},
        /* no nested data breakpoints, LFENCE serialises, a null selector clears its base */
        {.function = 0x80000021, .eax = 0x45},
        /* KVM itself, and its features: the clocks, asynchronous page faults, PV EOI and unhalt */
        {.function = 0x40000000,
         .eax = 0x40000001,
         .ebx = 0x4b4d564b,
         .ecx = 0x564b4d56,
         .edx = 0x0000004d},
        {.function = 0x40000001, .eax = 0x01007efb},
};

int cpu_supported(bool td, struct kvm_cpuid2 *out)
{
        if (out->nent < N_OF(processor)) {
                out->nent = N_OF(processor);
                errno = E2BIG;
                return -1;
        }
        out->nent = N_OF(processor);
        memcpy(out->entries, processor, sizeof(processor));
        for (size_t i = 0; td && i < N_OF(processor); i++)
                if (out->entries[i].function == 0x80000008)
                        out->entries[i].eax |= 48u << 16; /* KVM's word for a TD's address width */
        return 0;
}

/* MSRs that a program saves and restores. */
static const uint32_t saved[] = {
        0x10,       0x3b,       0x48,       0x8b,       0x10a,      0x140,      0x174,
        0x175,      0x176,      0x1a0,      0x1d9,      0x277,      0x6e0,      0xda0,
        0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102, 0xc0000103, 0xc0010015,
        0xc0010117, 0xc001011f, 0x11,       0x12,       0x4b564d00, 0x4b564d01, 0x4b564d02,
        0x4b564d03, 0x4b564d04, 0x4b564d05,
};

/* What KVM says of the processor in MSRs. */
static const struct {
        uint32_t msr;
        uint64_t value;
} features[] = {
        {0x8b, 0x0a0011d1},          /* the microcode's revision */
        {0x10a, 0x400000000c000069}, /* which attacks it is immune to (IA32_ARCH_CAPABILITIES) */
        {0xc0011029, 0x2},           /* LFENCE serialises */
};

static int put_list(struct kvm_msr_list *out, size_t n)
{
        size_t room = out->nmsrs;

        out->nmsrs = (uint32_t)n;
        if (room >= n)
                return 0;
        errno = E2BIG;
        return -1;
}

int cpu_msrs(struct kvm_msr_list *out)
{
        if (put_list(out, N_OF(saved)) < 0)
                return -1;
        memcpy(out->indices, saved, sizeof(saved));
        return 0;
}

int cpu_feature_msrs(struct kvm_msr_list *out)
{
        if (put_list(out, N_OF(features)) < 0)
                return -1;
        for (size_t i = 0; i < N_OF(features); i++)
                out->indices[i] = features[i].msr;
        return 0;
}

int cpu_get_features(struct kvm_msrs *m)
{
        for (uint32_t i = 0; i < m->nmsrs; i++) {
                size_t k = 0;

                while (k < N_OF(features) && features[k].msr != m->entries[i].index)
                        k++;
                if (k == N_OF(features))
                        return (int)i;
                m->entries[i].data = features[k].value;
        }
        return (int)m->nmsrs;
}
