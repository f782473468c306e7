/* From a guest file to the launch digest that its SNP guest will have. */
#pragma once

#include "base/guest.h"
#include "base/tee.h"

/* Where the distribution puts the firmware when the guest file names none. */
#define SV_SEV_FIRMWARE "/usr/share/ovmf/OVMF.amdsev.fd"

/* The `measure` of struct sv_tee. Reads the files that the guest file names; kernel and initramfs are streamed. Values:
 * {"launch_digest":hex}. */
int sv_sev_measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err);
