/* SPDX-License-Identifier: Apache-2.0 */
/* Whose evidence can be verified. */
#include "attest/tees.h"

#include "sev/tee.h"
#include "tdx/tee.h"
#include "vtpm/tee.h"

const struct sv_tee_verify *const sv_tees_verify[] = {
        &sv_tee_verify_sev_snp,
        &sv_tee_verify_tdx,
        &sv_tee_verify_vtpm,
        NULL,
};
