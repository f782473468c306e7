/* SPDX-License-Identifier: Apache-2.0 */
/* What an ordinary KVM would do, as no guest ever runs here: it remembers what it is told. Answers
 * are 0 or more, or -1 with errno, as of ioctl. */
#pragma once

#include "tests/teesim/abi.h"

/* --- kvmstate.c: the requests of /dev/kvm, of a machine and of a vCPU --- */
int plain_kvm(unsigned request, void *arg);
int plain_vm(int vm, unsigned request, void *arg);
int plain_vcpu(int vcpu, unsigned request, void *arg);

/* --- kvmreset.c: what a vCPU has before anybody set it. NULL: this request has no such value. ---
 */
#define VCPU_STATE_MAX 4096
const void *reset_state(unsigned get, unsigned vcpu_id, uint8_t room[VCPU_STATE_MAX]);

/* --- cpu.c --- */
int cpu_supported(bool td, struct kvm_cpuid2 *out); /* KVM_GET_SUPPORTED_CPUID */
int cpu_msrs(struct kvm_msr_list *out);             /* KVM_GET_MSR_INDEX_LIST */
int cpu_feature_msrs(struct kvm_msr_list *out);     /* KVM_GET_MSR_FEATURE_INDEX_LIST */
int cpu_get_features(struct kvm_msrs *m);           /* KVM_GET_MSRS of /dev/kvm */
