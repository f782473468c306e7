/* SPDX-License-Identifier: Apache-2.0 */
/* The row of Intel TDX. */
#include "tdx/tee.h"

#include "tdx/verify/evidence.h"
#include "tdx/host/host.h"
#include "tdx/verify/known.h"
#include "tdx/measure/measure.h"

static const struct sv_trust_kind trust_kinds[] = {
        {"sgx_roots", "sgx-root"},
        {NULL, NULL},
};

static const char *const takes[] = {"event-log", NULL};

const struct sv_tee sv_tee_tdx = {
        .name = "tdx",
        .kbs_name = "tdx",
        .help = "Intel TDX: memory encrypted and protected against the host, launch measured by "
                "the processor's TDX module",
        .firmware = SV_TDX_FIRMWARE,
        .shim = true,
        .acpi_machine = ",pic=off",
        .probe = sv_tdx_probe,
        .domain = sv_tdx_domain,
        .refusal = sv_tdx_refusal,
        .trial = sv_tdx_trial,
        .trial_says = sv_tdx_trial_says,
        .measure = sv_tdx_measure,
        .compare = sv_tdx_compare,
        .policy = sv_tdx_rules,
        .needs = sv_tdx_needs,
        .wrap = sv_tdx_evidence_wrap,
        .verify = sv_tdx_tee_verify,
        .takes = takes,
        .learn = sv_tdx_learn,
        .trust = trust_kinds,
        .inspect = sv_tdx_inspect,
        .strict = sv_tdx_strict,
};
