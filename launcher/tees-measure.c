/* SPDX-License-Identifier: Apache-2.0 */
/* Under which TEEs a guest can be measured beforehand. */
#include "tee/measure.h"

#include "sev/tee.h"
#include "tdx/tee.h"
#include "vtpm/tee.h"

const struct sv_tee_measure *const sv_tees_measure[] = {
        &sv_tee_measure_sev_snp,
        &sv_tee_measure_tdx,
        &sv_tee_measure_vtpm,
        NULL,
};
