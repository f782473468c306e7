/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID of a TD: a part can be configured at INIT_VM, the rest is fixed by the module or follows
 * the attributes. */
#include <errno.h>
#include <string.h>

#include "tests/teesim/tdx.h"

#define LEAVES 8 /* more than the first TDX modules had: programs must ask again with more room */

/* Which bits can be configured. 0x80000008 EAX 23:16 is KVM's way to give the width of guest
 * addresses. */
static const struct kvm_cpuid_entry2 configurable[LEAVES] = {
        {.function = 0x1,
         .eax = 0x0fff3fff,
         .ebx = 0x00ff0000,
         .ecx = 0x71fef3ff,
         .edx = 0xffffffff},
        {.function = 0x4,
         .index = 0,
         .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
         .eax = 0xffffffff,
         .ebx = 0xffffffff,
         .ecx = 0xffffffff,
         .edx = 7},
        {.function = 0x4,
         .index = 1,
         .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
         .eax = 0xffffffff,
         .ebx = 0xffffffff,
         .ecx = 0xffffffff,
         .edx = 7},
        {.function = 0x7,
         .index = 0,
         .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
         .ebx = 0xf3bfbfff,
         .ecx = 0x1f437f7e,
         .edx = 0xffc1c39c},
        {.function = 0x7, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 0x00001c30},
        {.function = 0x1f,
         .index = 0,
         .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
         .eax = 0x1f,
         .ebx = 0xffff},
        {.function = 0x1f,
         .index = 1,
         .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
         .eax = 0x1f,
         .ebx = 0xffff},
        {.function = 0x80000008, .eax = 0x00ff0000},
};

/* Bits that every TD has, of the leaves above. */
static const struct kvm_cpuid_entry2 fixed[] = {
        {.function = 0x1, .ecx = 0x86000000},           /* AES, XSAVE, hypervisor */
        {.function = 0x7, .index = 0, .edx = 1u << 10}, /* MD_CLEAR */
};

static struct kvm_cpuid_entry2 taken[LEAVES];

static int refuse(int error)
{
        errno = error;
        return -1;
}

int tdx_capabilities(struct tdx_capabilities *out)
{
        if (out->cpuid.nent < LEAVES)
                return refuse(E2BIG);
        memset(out, 0, sizeof(*out));
        out->supported_attrs = TD_ATTRIBUTES;
        out->supported_xfam = TD_XFAM;
        out->cpuid.nent = LEAVES;
        memcpy(out->cpuid.entries, configurable, sizeof(configurable));
        return 0;
}

static bool beyond(const struct kvm_cpuid_entry2 *e, const struct kvm_cpuid_entry2 *may)
{
        return e->eax & ~may->eax || e->ebx & ~may->ebx || e->ecx & ~may->ecx || e->edx & ~may->edx;
}

int tdx_cpuid_take(const struct kvm_cpuid2 *in, unsigned machine_width)
{
        unsigned width = 0;

        memset(taken, 0, sizeof(taken));
        for (unsigned i = 0; i < in->nent; i++) {
                const struct kvm_cpuid_entry2 *e = &in->entries[i];
                unsigned k = 0;

                while (k < LEAVES && (configurable[k].function != e->function ||
                                      configurable[k].index != e->index))
                        k++;
                if (k == LEAVES || beyond(e, &configurable[k]))
                        return -1;
                taken[k] = *e;
                if (e->function == 0x80000008)
                        width = e->eax >> 16 & 0xff;
        }
        return width == 48 || width == 52 || width == machine_width ? 0 : -1;
}

static void give(struct kvm_cpuid2 *out, struct kvm_cpuid_entry2 e)
{
        for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
                if (fixed[i].function == e.function && fixed[i].index == e.index) {
                        e.ecx |= fixed[i].ecx;
                        e.edx |= fixed[i].edx;
                }
        out->entries[out->nent++] = e;
}

/* What the TD will see of the leaves that can be configured, and the highest leaves. */
int tdx_cpuid_give(struct kvm_cpuid2 *out)
{
        unsigned need = 2, room = out->nent;

        for (unsigned k = 0; k < LEAVES; k++)
                need += taken[k].function != 0;
        out->nent = need;
        if (room < need)
                return refuse(E2BIG);
        out->nent = 0;
        give(out, (struct kvm_cpuid_entry2){.function = 0, .eax = 0x1f});
        for (unsigned k = 0; k < LEAVES; k++)
                if (taken[k].function && taken[k].function < 0x80000000)
                        give(out, taken[k]);
        give(out, (struct kvm_cpuid_entry2){.function = 0x80000000, .eax = 0x80000008});
        for (unsigned k = 0; k < LEAVES; k++)
                if (taken[k].function >= 0x80000000)
                        give(out, taken[k]);
        return 0;
}
