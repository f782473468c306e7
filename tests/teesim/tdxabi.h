/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's interface to the TDX module that the simulator answers, written from Linux'
 * Documentation/virt/kvm/x86/intel-tdx.rst: the headers of the build machine are older. Kept apart
 * from tdx/, which the simulator checks. */
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_SIZE 48

enum {
        TDX_CAPABILITIES,
        TDX_INIT_VM,
        TDX_INIT_VCPU,
        TDX_INIT_MEM_REGION,
        TDX_FINALIZE_VM,
        TDX_GET_CPUID
};

struct tdx_cmd {
        uint32_t id, flags;
        uint64_t data, hw_error;
};
struct tdx_capabilities {
        uint64_t supported_attrs, supported_xfam;
        uint64_t vmcall_info[4]; /* kernel and user, R11 and R12 */
        uint64_t reserved[250];
        struct kvm_cpuid2 cpuid;
};
struct tdx_init_vm {
        uint64_t attributes, xfam;
        uint8_t mrconfigid[MR_SIZE], mrowner[MR_SIZE], mrownerconfig[MR_SIZE];
        uint64_t reserved[12];
        struct kvm_cpuid2 cpuid;
};
struct tdx_mem_region {
        uint64_t source, gpa, pages;
};
#define TDX_MEASURE (1u << 0)
_Static_assert(sizeof(struct tdx_capabilities) == 2048 + 8 &&
                       sizeof(struct tdx_init_vm) == 256 + 8 && sizeof(struct tdx_cmd) == 24,
               "TDX launch");

/* Status of a call to the module (Intel TDX Module ABI specification, completion status codes); the
 * low half names the operand. */
#define TDX_OPERAND_INVALID 0xc000010000000000ull
#define TDX_OPERAND_BUSY    0x8000020000000000ull
enum { OPERAND_ATTRIBUTES = 64, OPERAND_XFAM = 65, OPERAND_CPUID = 69 };

#define ATTR_DEBUG           (1ull << 0)
#define ATTR_SEPT_VE_DISABLE (1ull << 28)
