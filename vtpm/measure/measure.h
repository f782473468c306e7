/* SPDX-License-Identifier: Apache-2.0 */
/* The PCRs that a guest with OVMF, direct kernel boot by QEMU and a TPM will have when its kernel
 * starts, from files alone. How each event comes about: docs/FORMATS.md, "What a vTPM guest
 * measures". */
#pragma once

#include "guest/guest.h"
#include "tee/measure.h"

/* For sv_tee_measure.measure. Reads firmware, variable store, kernel and initramfs; the command
 * line is sv_guest_cmdline's. Values are
 * {"sha256":{"0":hex,…},"sha384":{…}}; what is not in there is in out->unpredicted with its reason.
 * SV_USAGE "measure.kernel": the guest names no kernel; or an error of ovmf/. */
int sv_vtpm_measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err);
