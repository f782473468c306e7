/* SPDX-License-Identifier: Apache-2.0 */
/* CPU models of QEMU and the CPUID signature (leaf 1, EAX) that each gives a guest, which the
 * launch measures in RDX. */
#pragma once

#include "base/core/bytes.h"

/* Family, model and stepping folded as CPUID 1 EAX has them (AMD APM volume 3, E.3.2). */
uint32_t sv_cpu_sig(unsigned family, unsigned model, unsigned stepping);
/* "EPYC-Milan", "EPYC-Milan-v2": the known versions of a model share its signature. SV_USAGE
 * "sev.cpu" for others, also for a version that is not known, and for "host", whose signature
 * depends on the machine: give it as a number then. */
int sv_cpu_sig_of(const char *model, uint32_t *sig, struct sv_err *err);
