/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's and the SEV driver's calls for SNP, as the kernel documents them
 * (Documentation/virt/kvm/api.rst and x86/amd-memory-encryption.rst, include/uapi/linux/psp-sev.h):
 * the headers of the build machine may be older than SNP. */
#pragma once

#include "tee/host/kvm-abi.h"

#define SV_KVM_VM_SNP 4

struct sv_kvm_sev_cmd {
        uint32_t id, pad0;
        uint64_t data;
        uint32_t error, sev_fd;
};
enum {
        SV_KVM_SEV_INIT2 = 22,
        SV_KVM_SNP_START = 100,
        SV_KVM_SNP_UPDATE = 101,
        SV_KVM_SNP_FINISH = 102
};

struct sv_kvm_sev_init {
        uint64_t vmsa_features;
        uint32_t flags;
        uint16_t ghcb_version, pad1;
        uint32_t pad2[8];
};
struct sv_kvm_snp_start {
        uint64_t policy;
        uint8_t gosvw[16];
        uint16_t flags;
        uint8_t pad0[6];
        uint64_t pad1[4];
};
struct sv_kvm_snp_update {
        uint64_t gfn_start, uaddr, len;
        uint8_t type, pad0;
        uint16_t flags;
        uint32_t pad1;
        uint64_t pad2[4];
};
struct sv_kvm_snp_finish {
        uint64_t id_block_uaddr, id_auth_uaddr;
        uint8_t id_block_en, auth_key_en, vcek_disabled, host_data[32], pad0[3];
        uint16_t flags;
        uint64_t pad1[4];
};
_Static_assert(sizeof(struct sv_kvm_snp_finish) == 88 &&
                       offsetof(struct sv_kvm_snp_finish, host_data) == 19,
               "kvm_sev_snp_launch_finish");
_Static_assert(sizeof(struct sv_kvm_sev_init) == 48, "kvm_sev_init");

/* SEV_ISSUE_CMD on /dev/sev. */
struct sv_sev_issue {
        uint32_t cmd;
        uint64_t data;
        uint32_t error;
} __attribute__((packed));
#define SV_SEV_ISSUE_CMD _IOWR('S', 0, struct sv_sev_issue)
enum {
        SV_SEV_SNP_STATUS = 9,
        SV_SEV_SNP_COMMIT = 10,
        SV_SEV_SNP_SET_CONFIG = 11,
        SV_SEV_SNP_VLEK_LOAD = 12
};

struct sv_sev_snp_status {
        uint8_t api_major, api_minor, state, rmp_initialized;
        uint32_t build, flags, guests;
        uint64_t current_tcb, reported_tcb;
};
/* of flags */
enum { SV_SEV_MASK_CHIP_ID = 1u << 0, SV_SEV_MASK_CHIP_KEY = 1u << 1, SV_SEV_VLEK_EN = 1u << 2 };

struct sv_sev_snp_config {
        uint8_t reported_tcb[8]; /* all zero: what runs */
        uint32_t flags;          /* SV_SEV_MASK_… */
        uint8_t reserved[52];
};
struct sv_sev_snp_vlek {
        uint32_t len;
        uint8_t wrapped_version, reserved[3];
        uint64_t address;
};
_Static_assert(sizeof(struct sv_sev_snp_config) == 64 && sizeof(struct sv_sev_snp_vlek) == 16,
               "linux/psp-sev.h");
