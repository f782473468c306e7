/* SPDX-License-Identifier: Apache-2.0 */
/* The TDX module, played: tdx.c is a TD's launch, tdxcpuid.c what the module lets a TD be
 * configured with, tdxquote.c its question for a quote, tdxstate.c the result. Environment, beside
 * teesim.h's: TEESIM_NO_ENTROPY=N refuses INIT_VM N times with EAGAIN; TEESIM_BUSY=1 refuses
 * FINALIZE_VM; TEESIM_RUN=quote: the guest asks for a quote, and TEESIM_QUOTE=FILE gets what came
 * of it (tdxquote.c); TEESIM_CHUNK=N interrupts INIT_MEM_REGION after N pages;
 * TEESIM_TD_ATTRIBUTES=BITS are set behind QEMU's back. */
#pragma once

#include "tests/teesim/tdxabi.h"

/* What mainline KVM offers: nothing but SEPT_VE_DISABLE; x87, SSE, AVX, AVX-512, PKRU, CET, AMX. */
#define TD_ATTRIBUTES ATTR_SEPT_VE_DISABLE
#define TD_XFAM       0x61ae7ull

int tdx_vm_op(struct tdx_cmd *cmd);
int tdx_vcpu_op(int fd, struct tdx_cmd *cmd);
void tdx_reset(void);
/* KVM makes a TD's vCPUs only between INIT_VM and FINALIZE_VM. */
bool tdx_may_create_vcpu(void);
void tdx_add_vcpu(int fd);

/* The TD's own part of a report: TDINFO_STRUCT's first 256 bytes. */
void tdx_put_info(uint8_t *info);

/* --- tdxquote.c --- */
/* KVM_RUN of a guest that asks for a quote once and then waits for ever. */
int tdx_run_quote(int vcpu_fd);

/* --- tdxcpuid.c --- */
int tdx_capabilities(struct tdx_capabilities *out);
/* INIT_VM's values: only leaves and bits that can be configured. A module takes guest addresses of
 * 48 or 52 bits; QEMU caps them at what the CPUID instruction says of the machine's processor,
 * which nobody can play, so that this width is good too. */
int tdx_cpuid_take(const struct kvm_cpuid2 *in, unsigned machine_width);
int tdx_cpuid_give(struct kvm_cpuid2 *out);

/* --- tdxstate.c --- */
struct td {
        uint64_t attributes, xfam;
        uint8_t mrtd[MR_SIZE], mrconfigid[MR_SIZE], mrowner[MR_SIZE], mrownerconfig[MR_SIZE];
        unsigned vcpus;
        uint64_t hob_gpa;
        /* the memory that was added where INIT_VCPU said that the hand-off blocks lie */
        uint8_t *hob;
        size_t hob_size;
};
void tdx_state_write(const struct td *t);
