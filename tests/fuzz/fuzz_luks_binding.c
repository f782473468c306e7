/* SPDX-License-Identifier: Apache-2.0 */
/* A disk key resource, as a broker answers it. */
#include "luks/binding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_SECRET *resource = size ? sv_secret_copy(sv_bytes(data, size), &err) : NULL;
        SV_SECRET *key = NULL;
        struct sv_binding b;

        if (resource)
                sv_binding_unpack(resource, &b, &key, &err);
        return 0;
}
