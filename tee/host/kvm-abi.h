/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's calls for private memory, as the kernel documents them (Documentation/virt/kvm/api.rst):
 * the headers of the build machine may be older. */
#pragma once

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#define SV_KVM_CAP_GUEST_MEMFD   234
#define SV_KVM_CAP_VM_TYPES      235
#define SV_KVM_MEM_GUEST_MEMFD   (1u << 2)
#define SV_KVM_ATTRIBUTE_PRIVATE (1ull << 3)

struct sv_kvm_region2 {
        uint32_t slot, flags;
        uint64_t guest_phys_addr, memory_size, userspace_addr, guest_memfd_offset;
        uint32_t guest_memfd, pad1;
        uint64_t pad2[14];
};
struct sv_kvm_attributes {
        uint64_t address, size, attributes, flags;
};
struct sv_kvm_guest_memfd {
        uint64_t size, flags, reserved[6];
};
#define SV_KVM_SET_REGION2    _IOW(KVMIO, 0x49, struct sv_kvm_region2)
#define SV_KVM_SET_ATTRIBUTES _IOW(KVMIO, 0xd2, struct sv_kvm_attributes)
#define SV_KVM_GUEST_MEMFD    _IOWR(KVMIO, 0xd4, struct sv_kvm_guest_memfd)
_Static_assert(sizeof(struct sv_kvm_region2) == 160, "kvm_userspace_memory_region2");
