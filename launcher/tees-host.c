/* SPDX-License-Identifier: Apache-2.0 */
/* Which TEEs a guest can be started under; best protection first. */
#include "launcher/tees.h"

#include "sev/tee.h"
#include "tdx/tee.h"
#include "vtpm/tee.h"

const struct sv_tee_host *const sv_tees_host[] = {
        &sv_tee_host_sev_snp,
        &sv_tee_host_tdx,
        &sv_tee_host_vtpm,
        NULL,
};
