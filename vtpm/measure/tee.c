/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual TPM's row of launcher/tees-measure.c. */
#include "vtpm/tee.h"

#include "vtpm/measure/explain.h"
#include "vtpm/measure/inspect.h"
#include "vtpm/measure/measure.h"
#include "vtpm/measure/rules.h"

/* PCR 11 says what this boot did, the EK which guest it is. */
static const char *const image_claims[] = {
        "/pcrs/sha256/0",
        "/pcrs/sha256/1",
        "/pcrs/sha256/2",
        "/pcrs/sha256/3",
        "/pcrs/sha256/4",
        "/pcrs/sha256/5",
        "/pcrs/sha256/6",
        "/pcrs/sha256/7",
        "/pcrs/sha256/8",
        "/pcrs/sha256/9",
        NULL,
};

const struct sv_tee_measure sv_tee_measure_vtpm = {
        .id = &sv_tee_vtpm,
        .measure = sv_vtpm_measure,
        .compare = sv_vtpm_compare,
        .policy = sv_vtpm_rules,
        .image_claims = image_claims,
        .inspect = sv_vtpm_inspect,
        .formats = "TCG event log",
};
