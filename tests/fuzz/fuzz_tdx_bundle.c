/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral in one file, of either form. */
#include <stdlib.h>

#include "tdx/verify/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct sv_pck pck = {.fmspc = {0x50, 0x80, 0x6f}};
        SV_TDX_BUNDLE b = {0};

        sv_tdx_bundle_read(sv_bytes(data, size), &pck, size & 1, &b, NULL);
        return 0;
}
