/* SPDX-License-Identifier: Apache-2.0 */
/* From the save area that we predict to the registers of a KVM vCPU, so that trial and prediction
 * have one table (sev/measure/vmsa.c). KVM goes the other way when the launch is finished, and adds
 * what SVM always has: EFER.SVME, CR4.MCE. Offsets: AMD APM volume 2, table B-4. */
#include "sev/host/kvm-vcpu.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#define EFER_SVME (1ull << 12)
#define CR4_MCE   (1ull << 6)

static uint64_t read_page_le(const uint8_t *page, unsigned at, unsigned size)
{
        uint64_t v = 0;

        while (size--)
                v = v << 8 | page[at + size];
        return v;
}

static struct kvm_segment read_segment(const uint8_t *page, unsigned at)
{
        unsigned attributes = (unsigned)read_page_le(page, at + 2, 2);

        return (struct kvm_segment){.selector = (uint16_t)read_page_le(page, at, 2),
                                    .limit = (uint32_t)read_page_le(page, at + 4, 4),
                                    .base = read_page_le(page, at + 8, 8),
                                    .type = attributes & 15,
                                    .s = attributes >> 4 & 1,
                                    .dpl = attributes >> 5 & 3,
                                    .present = attributes >> 7 & 1,
                                    .avl = attributes >> 8 & 1,
                                    .l = attributes >> 9 & 1,
                                    .db = attributes >> 10 & 1,
                                    .g = attributes >> 11 & 1};
}

static struct kvm_dtable read_dtable(const uint8_t *page, unsigned at)
{
        return (struct kvm_dtable){.limit = (uint16_t)read_page_le(page, at + 4, 4),
                                   .base = read_page_le(page, at + 8, 8)};
}

int sv_kvm_vcpu_set(int vcpu, const uint8_t page[SV_VMSA_SIZE], struct sv_err *err)
{
        struct kvm_sregs s;
        struct kvm_regs r = {.rdx = read_page_le(page, 0x310, 8),
                             .rflags = read_page_le(page, 0x170, 8),
                             .rip = read_page_le(page, 0x178, 8)};

        if (ioctl(vcpu, KVM_GET_SREGS, &s) < 0)
                return sv_fail_errno(err, "sev.trial.kvm",
                                     "reading a vCPU's registers (KVM_GET_SREGS)");
        s.es = read_segment(page, 0x00);
        s.cs = read_segment(page, 0x10);
        s.ss = read_segment(page, 0x20);
        s.ds = read_segment(page, 0x30);
        s.fs = read_segment(page, 0x40);
        s.gs = read_segment(page, 0x50);
        s.gdt = read_dtable(page, 0x60);
        s.ldt = read_segment(page, 0x70);
        s.idt = read_dtable(page, 0x80);
        s.tr = read_segment(page, 0x90);
        s.efer = read_page_le(page, 0x0d0, 8) & ~EFER_SVME;
        s.cr4 = read_page_le(page, 0x148, 8) & ~CR4_MCE;
        s.cr0 = read_page_le(page, 0x158, 8);
        if (ioctl(vcpu, KVM_SET_SREGS, &s) < 0 || ioctl(vcpu, KVM_SET_REGS, &r) < 0)
                return sv_fail_errno(err, "sev.trial.kvm",
                                     "setting a vCPU's registers (KVM_SET_SREGS, KVM_SET_REGS)");
        return 0;
}
