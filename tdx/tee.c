/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/tee.h"

#include <stddef.h>

const struct sv_tee sv_tee_tdx = {
        .name = "tdx",
        .kbs_name = "tdx",
        .help = "Intel TDX: memory encrypted and protected against the host, launch measured by "
                "the processor's TDX module",
        .confidential = true,
        .firmware = SV_TDX_FIRMWARE,
        .firmware_feature = "intel-tdx",
        .shim = true,
};
