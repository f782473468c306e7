/* SPDX-License-Identifier: Apache-2.0 */
/* TPMT_SIGNATURE. */
#include "vtpm/verify/structs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_tpm_signature sig;

        sv_tpm_read_signature(sv_bytes(data, size), &sig, NULL);
        return 0;
}
