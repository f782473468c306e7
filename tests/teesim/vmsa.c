/* SPDX-License-Identifier: Apache-2.0 */
/* What KVM puts into a VMSA when a launch is finished (Linux arch/x86/kvm/svm/sev.c,
 * sev_es_sync_vmsa): the state that the program set on the vCPU, as SVM keeps it. Offsets: AMD APM
 * volume 2, table B-4. */
#include <stdlib.h>
#include <string.h>

#include "tests/teesim/kvmstate.h"
#include "tests/teesim/teesim.h"

#define CR0_NW_CD (3ull << 29) /* KVM clears them: the quirk KVM_X86_QUIRK_CD_NW_CLEARED is on */
#define CR4_MCE   (1ull << 6)  /* the host's, always on */
#define EFER_SVME (1ull << 12) /* always on for a guest under SVM */

static void put(uint8_t *page, unsigned at, unsigned size, uint64_t value)
{
        for (unsigned i = 0; i < size; i++)
                page[at + i] = (uint8_t)(value >> 8 * i);
}

static void put_segment(uint8_t *page, unsigned at, const struct kvm_segment *s)
{
        unsigned present = s->present && !s->unusable;

        put(page, at, 2, s->selector);
        put(page, at + 2, 2,
            s->type | (unsigned)s->s << 4 | (unsigned)s->dpl << 5 | present << 7 |
                    (unsigned)s->avl << 8 | (unsigned)s->l << 9 | (unsigned)s->db << 10 |
                    (unsigned)s->g << 11);
        put(page, at + 4, 4, s->limit);
        put(page, at + 8, 8, s->base);
}

static void put_system(uint8_t *page, const struct kvm_sregs *s)
{
        put_segment(page, 0x00, &s->es);
        put_segment(page, 0x10, &s->cs);
        put_segment(page, 0x20, &s->ss);
        put_segment(page, 0x30, &s->ds);
        put_segment(page, 0x40, &s->fs);
        put_segment(page, 0x50, &s->gs);
        put(page, 0x64, 4, s->gdt.limit);
        put(page, 0x68, 8, s->gdt.base);
        put_segment(page, 0x70, &s->ldt);
        put(page, 0x84, 4, s->idt.limit);
        put(page, 0x88, 8, s->idt.base);
        put_segment(page, 0x90, &s->tr);
        put(page, 0xcb, 1, s->ss.dpl);
        put(page, 0xd0, 8, s->efer | EFER_SVME);
        put(page, 0x148, 8, s->cr4 | CR4_MCE);
        put(page, 0x150, 8, s->cr3);
        put(page, 0x158, 8, s->cr0 & ~CR0_NW_CD);
        put(page, 0x240, 8, s->cr2);
}

static void put_registers(uint8_t *page, const struct kvm_regs *r)
{
        const uint64_t tail[] = {r->rbp, r->rsi, r->rdi, r->r8,  r->r9, r->r10,
                                 r->r11, r->r12, r->r13, r->r14, r->r15};

        put(page, 0x170, 8, r->rflags);
        put(page, 0x178, 8, r->rip);
        put(page, 0x1d8, 8, r->rsp);
        put(page, 0x1f8, 8, r->rax);
        put(page, 0x308, 8, r->rcx);
        put(page, 0x310, 8, r->rdx);
        put(page, 0x318, 8, r->rbx);
        for (unsigned i = 0; i < sizeof(tail) / sizeof(tail[0]); i++)
                put(page, 0x328 + 8 * i, 8, tail[i]);
}

/* The FXSAVE image at the head of the XSAVE area (Intel SDM volume 1, table 10-2); KVM_GET_FPU
 * leaves MXCSR out. */
static void put_fpu(uint8_t *page, const uint8_t *fx)
{
        memcpy(page + 0x400, fx + 16, 8); /* data pointer */
        memcpy(page + 0x408, fx + 24, 4); /* MXCSR */
        page[0x40c] = fx[4];              /* tags, abridged */
        memcpy(page + 0x40e, fx + 2, 2);  /* status */
        memcpy(page + 0x410, fx, 2);      /* control */
        memcpy(page + 0x412, fx + 6, 2);  /* opcode */
        memcpy(page + 0x418, fx + 8, 8);  /* instruction pointer */
        for (unsigned i = 0; i < 8; i++)
                memcpy(page + 0x420 + 10 * i, fx + 32 + 16 * i, 10);
        memcpy(page + 0x470, fx + 160, 256);
}

static void put_msrs(uint8_t *page, int vcpu)
{
        static const struct {
                uint32_t msr;
                uint16_t at;
        } msrs[] = {{0xc0000081, 0x200}, {0xc0000082, 0x208}, {0xc0000083, 0x210},
                    {0xc0000084, 0x218}, {0xc0000102, 0x220}, {0x174, 0x228},
                    {0x175, 0x230},      {0x176, 0x238},      {0x277, 0x268}};
        struct {
                struct kvm_msrs head;
                struct kvm_msr_entry entry;
        } ask;

        for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
                memset(&ask, 0, sizeof(ask));
                ask.head.nmsrs = 1;
                ask.entry.index = msrs[i].msr;
                if (plain_vcpu(vcpu, KVM_GET_MSRS, &ask) == 1)
                        put(page, msrs[i].at, 8, ask.entry.data);
        }
}

int vmsa_read(int vcpu, uint64_t features, uint8_t page[PAGE])
{
        struct kvm_sregs sregs;
        struct kvm_regs regs;
        struct kvm_debugregs debug;
        struct kvm_xcrs xcrs = {0};
        struct kvm_xsave xsave;

        memset(page, 0, PAGE);
        if (plain_vcpu(vcpu, KVM_GET_SREGS, &sregs) < 0 ||
            plain_vcpu(vcpu, KVM_GET_REGS, &regs) < 0 ||
            plain_vcpu(vcpu, KVM_GET_DEBUGREGS, &debug) < 0 ||
            plain_vcpu(vcpu, KVM_GET_XCRS, &xcrs) < 0 ||
            plain_vcpu(vcpu, KVM_GET_XSAVE, &xsave) < 0)
                return -1;
        put_system(page, &sregs);
        put_registers(page, &regs);
        put(page, 0x160, 8, debug.dr7);
        put(page, 0x168, 8, debug.dr6);
        put_msrs(page, vcpu);
        put(page, 0x3b0, 8, features);
        for (unsigned i = 0; i < xcrs.nr_xcrs; i++)
                if (xcrs.xcrs[i].xcr == 0)
                        put(page, 0x3e8, 8, xcrs.xcrs[i].value);
        put_fpu(page, (const uint8_t *)xsave.region);
        if (getenv("TEESIM_TRACE"))
                for (unsigned i = 0; i < PAGE; i += 8) {
                        uint64_t v;

                        memcpy(&v, page + i, 8);
                        if (v)
                                trace("vmsa 0x%03x %016llx", i, (unsigned long long)v);
                }
        return 0;
}
