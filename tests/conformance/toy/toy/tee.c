/* SPDX-License-Identifier: Apache-2.0 */
#include "toy/tee.h"

const struct sv_tee sv_tee_toy = {
        .name = "toy",
        .kbs_name = "sample-toy",
        .help = "a machine that signs the digest of what it boots, in software",
};
