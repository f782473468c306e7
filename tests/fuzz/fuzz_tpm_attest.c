/* SPDX-License-Identifier: Apache-2.0 */
/* TPMS_ATTEST of a quote. */
#include "vtpm/verify/structs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_tpm_quote quote;

        sv_tpm_read_quote(sv_bytes(data, size), &quote, NULL);
        return 0;
}
