/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody can make a JWE for a key that exists only here: whatever opens is a fault. Each refusal
 * must have its name. */
#include <stdlib.h>
#include <string.h>

#include "attest/jose/jose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct sv_key *ec, *rsa;
        struct sv_err err = SV_ERR_NULL;

        if (!ec)
                ec = sv_key_generate(SV_KEY_P256, 0, &err);
        if (!rsa)
                rsa = sv_key_generate(SV_KEY_RSA, 2048, &err);
        if (!ec || !rsa)
                abort();
        if (sv_jwe_open(ec, sv_bytes(data, size), &err) || strncmp(err.check, "jwe.", 4))
                abort();
        memset(&err, 0, sizeof(err));
        if (sv_jwe_open(rsa, sv_bytes(data, size), &err) || strncmp(err.check, "jwe.", 4))
                abort();
        return 0;
}
