/* SPDX-License-Identifier: Apache-2.0 */
/* The DER walk over an EK certificate's subjectAltName. */
#include "vtpm/verify/ek.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_vtpm_ek ek = {0};

        sv_vtpm_ek_names(sv_bytes(data, size), &ek, NULL);
        return 0;
}
