/* SPDX-License-Identifier: Apache-2.0 */
/* What one process's verifier tells another's. */
#include "tee/trust-cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_SHARED_ENTRY l = {.list = NULL};

        sv_shared_read(sv_bytes(data, size), &l, NULL);
        return 0;
}
