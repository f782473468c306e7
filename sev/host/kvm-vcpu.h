/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU in the state that a VM save area describes; private to sev/kvm*.c. */
#pragma once

#include "sev/measure/vmsa.h"

/* SV_SYSTEM "sev.trial.kvm". */
int sv_kvm_vcpu_set(int vcpu, const uint8_t vmsa[SV_VMSA_SIZE], struct sv_err *err);
