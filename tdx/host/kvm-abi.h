/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's calls for TDX, as the kernel documents them (Documentation/virt/kvm/api.rst and
 * x86/intel-tdx.rst): the headers of the build machine may be older than TDX (Linux 6.16). */
#pragma once

#include "tee/host/kvm-abi.h"

#define SV_KVM_CAP_SPLIT_IRQCHIP 121
#define SV_KVM_CAP_MAX_VCPUS     66
#define SV_KVM_VM_TDX            5
#define SV_KVM_IOAPIC_PINS       24

/* KVM_MEMORY_ENCRYPT_OP, on the machine or on a vCPU. */
struct sv_kvm_tdx_cmd {
        uint32_t id, flags;
        uint64_t data, hw_error;
};
enum {
        SV_KVM_TDX_CAPABILITIES,
        SV_KVM_TDX_INIT_VM,
        SV_KVM_TDX_INIT_VCPU,
        SV_KVM_TDX_INIT_MEM_REGION,
        SV_KVM_TDX_FINALIZE_VM,
};
#define SV_KVM_TDX_MEASURE (1u << 0) /* flag of INIT_MEM_REGION: extend MRTD by the contents */

#define SV_KVM_CPUID_MAX 256 /* KVM's own bound */

/* Both end in a list of CPUID entries; room for as many as KVM ever gives. */
struct sv_kvm_cpuid {
        uint32_t nent, padding;
        struct kvm_cpuid_entry2 entries[SV_KVM_CPUID_MAX];
};
struct sv_kvm_tdx_capabilities {
        uint64_t attributes, xfam;
        uint64_t tdvmcallinfo[4]; /* kernel and user, R11 and R12 */
        uint64_t reserved[250];
        struct sv_kvm_cpuid cpuid; /* bits that INIT_VM may choose */
};
struct sv_kvm_tdx_init_vm {
        uint64_t attributes, xfam;
        uint8_t mrconfigid[48], mrowner[48], mrownerconfig[48];
        uint64_t reserved[12];
        struct sv_kvm_cpuid cpuid;
};
struct sv_kvm_tdx_region {
        uint64_t source_addr, gpa, nr_pages;
};
_Static_assert(sizeof(struct sv_kvm_tdx_cmd) == 24 && sizeof(struct kvm_cpuid_entry2) == 40, "KVM");
_Static_assert(offsetof(struct sv_kvm_tdx_capabilities, cpuid) == 2048 &&
                       offsetof(struct sv_kvm_tdx_init_vm, cpuid) == 256,
               "kvm_tdx_capabilities, kvm_tdx_init_vm");
