/* SPDX-License-Identifier: Apache-2.0 */
/* TDX's row of launcher/tees-host.c. */
#include "tdx/tee.h"

#include "tdx/host/host.h"

static const char *const opens[] = {"/var/run/tdx-qgs", SV_TDX_QGS, NULL};

const struct sv_tee_host sv_tee_host_tdx = {
        .id = &sv_tee_tdx,
        .acpi_machine = ",pic=off",
        .acpi_bits = 46,
        .keys = "tdx",
        .vcpus_are_processors = true, /* arch/x86/kvm/vmx/tdx.c, tdx_vm_init */
        .probe = sv_tdx_probe,
        .check_options = sv_tdx_options_check,
        .domain = sv_tdx_domain,
        .opens = opens,
        .refusal = sv_tdx_refusal,
        .trial = sv_tdx_trial,
        .trial_says = sv_tdx_trial_says,
};
