/* SPDX-License-Identifier: Apache-2.0 */
/* TDX's row of launcher/tees-measure.c. */
#include "tdx/tee.h"

#include "base/program/cli.h"
#include "tdx/measure/measure.h"

static const struct sv_opt options[] = {
        {.name = "page-order",
         .arg = "mainline|two-pass",
         .help = "tdx: in which order the monitor measures pages"},
        {.name = "generation",
         .arg = "G",
         .help = "tdx: which release of EDK II the firmware measures like, when the image does not "
                 "show it"},
        {.name = "acpi",
         .arg = "DIR",
         .help = "tdx: the guest's ACPI tables, as fw_cfg names them (secure-vm image acpi makes "
                 "such a folder)"},
        {0},
};

/* RTMR3 says what this boot did, MRCONFIGID and the owner's fields are one guest's. */
static const char *const image_claims[] = {"/mrtd", "/rtmr0", "/rtmr1", "/rtmr2", NULL};

const struct sv_tee_measure sv_tee_measure_tdx = {
        .id = &sv_tee_tdx,
        .options = options,
        .measure = sv_tdx_measure,
        .compare = sv_tdx_compare,
        .policy = sv_tdx_rules,
        .image_claims = image_claims,
        .allow = sv_tdx_allow,
        .inspect = sv_tdx_inspect,
        .formats = "TD quote, evidence, TDREPORT, TCB info, QE identity, CC event log",
};
