/* SPDX-License-Identifier: Apache-2.0 */
/* What launch has beside QEMU, played for a machine of which only the ACPI tables count: a variable
 * store in front of firmware that comes without one, and a TPM that nobody has used. */
#pragma once

#include <sys/types.h>

#include "base/core/err.h"
#include "launcher/virt/argv.h"

struct sv_acpi_played {
        char dir[32]; /* of files; "": none */
        pid_t tpm;    /* 0: none */
};

/* Changes `command` so that QEMU has them. SV_SYSTEM "acpi.firmware" (firmware or variable store
 * cannot be read), "acpi.tpm" (swtpm cannot be started). */
int sv_acpi_play(struct sv_argv *command, struct sv_acpi_played *out, struct sv_err *err);
void sv_acpi_played_end(struct sv_acpi_played *p);
