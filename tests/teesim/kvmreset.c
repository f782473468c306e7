/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU after reset (AMD APM volume 2, section 14.1), in KVM's structures. */
#include <string.h>

#include "tests/teesim/kvmstate.h"

#define LAPIC_VERSION 0x50014u /* version of a local APIC: 6 entries in its vector table */
#define MXCSR_RESET   0x1f80u
#define FCW_RESET     0x37fu

static struct kvm_segment segment(uint16_t selector, uint64_t base, unsigned type, unsigned s)
{
        return (struct kvm_segment){.selector = selector,
                                    .base = base,
                                    .limit = 0xffff,
                                    .type = (uint8_t)type,
                                    .present = 1,
                                    .s = (uint8_t)s};
}

static void reset_sregs(unsigned id, struct kvm_sregs *s)
{
        s->cs = segment(0xf000, 0xffff0000, 0xb, 1);
        s->ds = s->es = s->fs = s->gs = s->ss = segment(0, 0, 3, 1);
        s->tr = segment(0, 0, 0xb, 0);
        s->ldt = segment(0, 0, 2, 0);
        s->gdt.limit = s->idt.limit = 0xffff;
        s->cr0 = 0x60000010;
        s->apic_base = 0xfee00800 | (id ? 0 : 0x100); /* the first is the boot processor */
}

static void put32(uint8_t *p, uint32_t v)
{
        memcpy(p, &v, sizeof(v));
}

static void reset_lapic(unsigned id, uint8_t *regs)
{
        static const uint16_t masked[] = {0x320, 0x330, 0x340, 0x360, 0x370};

        put32(regs + 0x20, id << 24);
        put32(regs + 0x30, LAPIC_VERSION);
        put32(regs + 0xe0, 0xffffffff);
        put32(regs + 0xf0, 0xff);
        for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
                put32(regs + masked[i], 0x10000);
        put32(regs + 0x350, id ? 0x10000 : 0x700);
}

const void *reset_state(unsigned get, unsigned id, uint8_t room[VCPU_STATE_MAX])
{
        void *p = room;

        memset(room, 0, VCPU_STATE_MAX);
        switch (get) {
        case (unsigned)KVM_GET_REGS:
                ((struct kvm_regs *)p)->rip = 0xfff0;
                ((struct kvm_regs *)p)->rflags = 2;
                ((struct kvm_regs *)p)->rdx = 0xa00f11; /* the processor's signature */
                return room;
        case (unsigned)KVM_GET_SREGS:
                reset_sregs(id, p);
                return room;
        case (unsigned)KVM_GET_DEBUGREGS:
                ((struct kvm_debugregs *)p)->dr6 = 0xffff0ff0;
                ((struct kvm_debugregs *)p)->dr7 = 0x400;
                return room;
        case (unsigned)KVM_GET_XCRS:
                ((struct kvm_xcrs *)p)->nr_xcrs = 1;
                ((struct kvm_xcrs *)p)->xcrs[0].value = 1;
                return room;
        case (unsigned)KVM_GET_XSAVE:
                put32(room, FCW_RESET);
                put32(room + 24, MXCSR_RESET);
                return room;
        case (unsigned)KVM_GET_FPU:
                ((struct kvm_fpu *)p)->fcw = FCW_RESET; /* KVM leaves MXCSR out */
                return room;
        case (unsigned)KVM_GET_MP_STATE:
                put32(room, id ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE);
                return room;
        case (unsigned)KVM_GET_LAPIC:
                reset_lapic(id, room);
                return room;
        case (unsigned)KVM_GET_VCPU_EVENTS:
                return room;
        default:
                return NULL;
        }
}
