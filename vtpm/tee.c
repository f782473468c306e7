/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/tee.h"

#include <stddef.h>

const struct sv_tee sv_tee_vtpm = {
        .name = "vtpm",
        .kbs_name = "tpm",
        .help = "measured boot with a virtual TPM run by the host: any machine, no protection "
                "against the host",
};
