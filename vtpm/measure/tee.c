/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual TPM's row of launcher/tees-measure.c. */
#include "vtpm/tee.h"

#include "vtpm/measure/explain.h"
#include "vtpm/measure/inspect.h"
#include "vtpm/measure/measure.h"
#include "vtpm/measure/rules.h"

const struct sv_tee_measure sv_tee_measure_vtpm = {
        .id = &sv_tee_vtpm,
        .measure = sv_vtpm_measure,
        .compare = sv_vtpm_compare,
        .policy = sv_vtpm_rules,
        .inspect = sv_vtpm_inspect,
        .formats = "TCG event log",
};
