/* SPDX-License-Identifier: Apache-2.0 */
/* SEV-SNP's row of launcher/tees-host.c. */
#include "sev/tee.h"

#include "base/program/cli.h"
#include "sev/host/host.h"

static const struct sv_opt config_options[] = {
        {.name = "reported-tcb",
         .arg = "LIST",
         .help = "components that reports shall say, like snp=24,microcode=213; others stay"},
        {.name = "reset", .help = "report what runs"},
        {.name = "lower", .help = "a component may go down"},
        {.name = "mask-chip-id", .arg = "yes|no", .help = "reports without the chip's identifier"},
        {.name = "mask-chip-key",
         .arg = "yes|no",
         .help = "reports without a signature by the chip's own key"},
        {0},
};

static const char *const opens[] = {"/dev/sev", NULL};

const struct sv_tee_host sv_tee_host_sev_snp = {
        .id = &sv_tee_sev_snp,
        .acpi_machine = "",
        .acpi_bits = 40,  /* the CPU model is always a named one */
        .keys = "sev_es", /* SNP guests have ASIDs of SEV-ES */
        .probe = sv_sev_probe,
        .check_options = sv_sev_options_check,
        .domain = sv_sev_domain,
        .opens = opens,
        .refusal = sv_sev_refusal,
        .trial = sv_sev_trial,
        .trial_says = "the hardware measured what was predicted",
        .host_op = sv_sev_host_op,
        .config_options = config_options,
};
