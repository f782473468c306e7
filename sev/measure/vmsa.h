/* SPDX-License-Identifier: Apache-2.0 */
/* The VM save area of a vCPU as the launch measures it (AMD APM volume 2, appendix B, table B-4):
 * the state that each virtual machine monitor gives a vCPU at reset. */
#pragma once

#include "base/json/json.h"

#define SV_VMSA_SIZE 4096u

enum sv_vmm { SV_VMM_QEMU, SV_VMM_EC2, SV_VMM_GCE, SV_VMMS };

const char *sv_vmm_name(enum sv_vmm vmm); /* "qemu", "ec2", "gce" */
/* SV_USAGE "sev.vmm". */
int sv_vmm_by_name(const char *name, enum sv_vmm *out, struct sv_err *err);

struct sv_vmsa_in {
        enum sv_vmm vmm;
        bool svsm; /* the state in which an SVSM begins: flat 32-bit protected mode */
        /* where the vCPU begins: 0xfffffff0 for the first, SEV_ES_RESET_BLOCK for the others */
        uint32_t eip;
        bool ap;           /* not the first vCPU */
        uint32_t cpu_sig;  /* CPUID 1 EAX, in RDX */
        uint64_t features; /* SEV_FEATURES, bit 0 SNPActive */
        bool old_fpu;      /* KVM before 6.10: MXCSR and FCW are zero */
};

void sv_vmsa_make(const struct sv_vmsa_in *in, uint8_t page[SV_VMSA_SIZE]);
/* Calls fn for every field that is not zero in the page, in order: for --explain and for comparing
 * two pages field by field. */
void sv_vmsa_each(const uint8_t page[SV_VMSA_SIZE],
                  void (*fn)(void *arg, const char *field, unsigned offset, uint64_t value),
                  void *arg);
/* The same fields as an object, name to "0x…"; "rdx (CPU signature)" and "sev_features (guest
 * features)" by both names. */
struct sv_json *sv_vmsa_json(const uint8_t page[SV_VMSA_SIZE]);
