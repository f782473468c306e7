/* SPDX-License-Identifier: Apache-2.0 */
/* The SGX extension of a PCK certificate. */
#include <stdlib.h>

#include "tdx/verify/pck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_pck p = {0};

        sv_pck_extension(sv_bytes(data, size), &p);
        return 0;
}
