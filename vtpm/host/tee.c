/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual TPM's row of launcher/tees-host.c. */
#include "vtpm/tee.h"

#include "vtpm/host/host.h"
#include "vtpm/measure/rules.h"

const struct sv_tee_host sv_tee_host_vtpm = {
        .id = &sv_tee_vtpm,
        .acpi_machine = "",
        .probe = sv_vtpm_probe,
        .check_options = sv_vtpm_options_check,
        .domain = sv_vtpm_domain,
        .cure = sv_vtpm_cure,
};
