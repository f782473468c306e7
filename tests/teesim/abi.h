/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's interfaces that the simulator answers, written from Linux' Documentation/virt/kvm
 * (api.rst, x86/amd-memory-encryption.rst) and AMD 56860: the headers of the build machine may be
 * older than SNP. Kept apart from sev/, which the simulator checks. */
#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

/* --- KVM, memory that only the guest sees --- */
#define CAP_EXIT_HYPERCALL    201
#define CAP_APIC_BUS_CYCLES   237
#define CAP_USER_MEMORY2      231
#define CAP_MEMORY_ATTRIBUTES 233
#define CAP_GUEST_MEMFD       234
#define CAP_VM_TYPES          235
#define VM_TYPE_SNP           4u
#define VM_TYPE_TDX           5u
#define ATTRIBUTE_PRIVATE     (1ull << 3)
#define REGION_GUEST_MEMFD    (1u << 2)

struct region2 {
        uint32_t slot, flags;
        uint64_t gpa, size, uaddr, memfd_offset;
        uint32_t memfd, pad;
        uint64_t pad2[14];
};
struct attributes {
        uint64_t address, size, attributes, flags;
};
struct guest_memfd {
        uint64_t size, flags, reserved[6];
};
#define SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct region2)
#define SET_MEMORY_ATTRIBUTES   _IOW(KVMIO, 0xd2, struct attributes)
#define CREATE_GUEST_MEMFD      _IOWR(KVMIO, 0xd4, struct guest_memfd)

/* --- KVM_MEMORY_ENCRYPT_OP --- */
struct sev_cmd {
        uint32_t id, pad;
        uint64_t data;
        uint32_t error, sev_fd;
};
enum { SEV_INIT2 = 22, SNP_START = 100, SNP_UPDATE = 101, SNP_FINISH = 102 };

struct sev_init2 {
        uint64_t vmsa_features;
        uint32_t flags;
        uint16_t ghcb_version, pad;
        uint32_t pad2[8];
};
struct snp_start {
        uint64_t policy;
        uint8_t gosvw[16];
        uint16_t flags;
        uint8_t pad[6];
        uint64_t pad2[4];
};
struct snp_update {
        uint64_t gfn, uaddr, len;
        uint8_t type, pad;
        uint16_t flags;
        uint32_t pad2;
        uint64_t pad3[4];
};
struct snp_finish {
        uint64_t id_block, id_auth;
        uint8_t id_block_en, auth_key_en, vcek_disabled, host_data[32], pad[3];
        uint16_t flags;
        uint64_t pad2[4];
};
_Static_assert(sizeof(struct snp_finish) == 88 && offsetof(struct snp_finish, host_data) == 19,
               "SNP_LAUNCH_FINISH");
_Static_assert(sizeof(struct snp_update) == 64 && sizeof(struct snp_start) == 64 &&
                       sizeof(struct sev_init2) == 48,
               "SNP launch");

/* --- /dev/sev --- */
struct sev_issue {
        uint32_t cmd;
        uint64_t data;
        uint32_t error;
} __attribute__((packed));
#define SEV_ISSUE _IOWR('S', 0, struct sev_issue)
enum {
        PLATFORM_STATUS = 1,
        PDH_CERT_EXPORT = 5,
        GET_ID2 = 8,
        SNP_STATUS = 9,
        SNP_COMMIT = 10,
        SNP_CONFIG = 11,
        SNP_VLEK_LOAD = 12
};

/* --- status of a firmware command (AMD 56860, table 4) --- */
enum {
        FW_OK = 0,
        FW_INVALID_GUEST_STATE = 2,
        FW_INVALID_LEN = 4,
        FW_POLICY_FAILURE = 7,
        FW_BAD_SIGNATURE = 0xa,
        FW_BAD_MEASUREMENT = 0xb,
        FW_INVALID_COMMAND = 0x11,
        FW_INVALID_PARAM = 0x16,
        FW_INVALID_PAGE_STATE = 0x1a,
};
