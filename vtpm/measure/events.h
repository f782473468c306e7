/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a prediction that vtpm/measure*.c put together. */
#pragma once

#include "guest/guest.h"
#include "ovmf/prediction.h"

/* PCR 0: version and volumes. */
int sv_measure_firmware(struct sv_prediction *p, const struct sv_guest *guest,
                        struct sv_bytes firmware, struct sv_err *err);
/* PCR 7: the variables of Secure Boot. *secure_boot: the firmware will ask for signatures. */
int sv_measure_variables(struct sv_prediction *p, const char *firmware_path,
                         struct sv_bytes firmware, bool *secure_boot, struct sv_err *err);
/* PCR 4 and 9: the kernel as QEMU hands it over, its command line, its initramfs. */
int sv_measure_kernel(struct sv_prediction *p, const struct sv_guest *guest, bool secure_boot,
                      struct sv_err *err);
