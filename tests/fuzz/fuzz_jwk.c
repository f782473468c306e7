/* SPDX-License-Identifier: Apache-2.0 */
/* A JWK that is taken must come out as a JWK that is taken, with the same thumbprint. */
#include <stdlib.h>
#include <string.h>

#include "attest/jose/jose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *j = NULL;
        SV_JSON *out = NULL;
        SV_KEY *k = NULL;
        SV_KEY *again = NULL;
        char a[44], b[44];

        if (sv_json_parse(sv_bytes(data, size), "fuzz", &j, &err) < 0)
                return 0;
        k = sv_jwk_to_key(j, NULL, "fuzz", &err);
        if (!k) {
                if (!err.check[0])
                        abort();
                return 0;
        }
        out = sv_jwk_from_key(k, NULL, &err);
        again = out ? sv_jwk_to_key(out, NULL, "fuzz", &err) : NULL;
        if (!again || sv_jwk_thumbprint(k, a, &err) < 0 || sv_jwk_thumbprint(again, b, &err) < 0 ||
            strcmp(a, b))
                abort();
        return 0;
}
