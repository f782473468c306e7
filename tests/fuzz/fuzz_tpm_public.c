/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2B_PUBLIC: read, named, made into a key; what was read is written back the same. */
#include <stdlib.h>

#include "vtpm/verify/structs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_tpm_public pub;
        struct sv_tpm_name name;
        SV_BUF again = SV_BUF_NULL;

        if (sv_tpm_read_public2b(sv_bytes(data, size), &pub, NULL) < 0)
                return 0;
        sv_tpm_put_public2b(&again, &pub);
        if (!sv_bytes_eq(sv_buf_bytes(&again), sv_bytes(data, size)))
                abort();
        sv_tpm_name(sv_bytes(data, size), &name, NULL);
        sv_key_free(sv_tpm_public_key(&pub, NULL));
        return 0;
}
