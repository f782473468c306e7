/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sev/measure/igvm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        uint8_t digest[SV_SNP_DIGEST];
        bool has_vmsa;

        sv_sev_igvm_digest(sv_bytes(data, size), true, digest, &has_vmsa, NULL, &err);
        return 0;
}
