/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual TPM's rows in the tables of TEEs: QEMU's tpm-crb in front of swtpm, which libvirt
 * starts and swtpm-localca certifies. A program links the libraries of those that it uses. */
#pragma once

#include "tee/tee.h"

extern const struct sv_tee sv_tee_vtpm;
extern const struct sv_tee_host sv_tee_host_vtpm;
extern const struct sv_tee_measure sv_tee_measure_vtpm;
extern const struct sv_tee_verify sv_tee_verify_vtpm;
extern const struct sv_attester sv_attester_vtpm;
