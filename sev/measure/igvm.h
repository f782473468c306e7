/* SPDX-License-Identifier: Apache-2.0 */
/* The launch digest of an IGVM file on SNP. */
#pragma once

#include "tee/measure.h"
#include "sev/measure/gctx.h"

/* digest: 48 bytes; steps (may be NULL) gets every item. strict_kvm: refuse what QEMU/KVM would
 * launch otherwise than the file says or not at all: SV_FORMAT "igvm.kvm" (more than one VMSA, not
 * at the end, not at 0xfffffffff000). *has_vmsa: false means that the vCPUs' state is not in this
 * digest. */
int sv_sev_igvm_digest(struct sv_bytes file, bool strict_kvm, uint8_t digest[SV_SNP_DIGEST],
                       bool *has_vmsa, struct sv_measurement *steps, struct sv_err *err);
