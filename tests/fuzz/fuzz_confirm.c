/* SPDX-License-Identifier: Apache-2.0 */
/* A proof from a process in hostile hands: the first byte says of which TEE. Nobody forges one, and
 * empty claims hold for none. */
#include <stdlib.h>

#include "attest/tees.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_verify_in in = {.time = 1780272000, .any_root = true};
        SV_JSON *claims = sv_json_object(), *challenge = NULL;
        SV_SECRET *secret = NULL;
        const struct sv_tee_verify *tee;
        size_t n = 0;

        if (!size)
                return 0;
        while (sv_tees_verify[n])
                n++;
        tee = sv_tees_verify[data[0] % n];
        if (tee->confirm(sv_bytes(data + 1, size - 1), &in, claims, &err) == 0 || !err.check[0])
                abort();
        if (tee->challenge)
                tee->challenge(sv_bytes(data + 1, size - 1), &challenge, &secret, &err);
        return 0;
}
