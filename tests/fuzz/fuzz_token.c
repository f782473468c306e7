/* SPDX-License-Identifier: Apache-2.0 */
/* First as a token of a stranger: never accepted. Then as the payload of a token that the right key
 * signed, so that the code behind the signature is reached. */
#include <stdlib.h>

#include "attest/jose/jose.h"
#include "attest/jose/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct sv_key *key;
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *payload = NULL;
        SV_BUF token = SV_BUF_NULL;
        static const uint8_t pin[32];
        const struct sv_admin_request request = {pin, "GET", "/", SV_BYTES_NULL};
        char id[SV_ADMIN_TOKEN_ID];
        int64_t expires;

        if (!key)
                key = sv_key_generate(SV_KEY_P256, 0, &err);
        if (!key || sv_ear_verify(sv_bytes(data, size), key, 1800000000, NULL, &err) == 0 ||
            !err.check[0] ||
            sv_admin_token_verify(sv_bytes(data, size), key, &request, 1800000000, id, &expires,
                                  &err) == 0)
                abort();
        if (sv_jws_sign(key, NULL, sv_bytes(data, size), &token, &err) < 0)
                abort();
        if (sv_ear_verify(sv_buf_bytes(&token), key, 1800000000, &payload, &err) == 0) {
                if (!sv_ear_status(payload))
                        abort();
                sv_ear_tee_key(payload);
        }
        sv_admin_token_verify(sv_buf_bytes(&token), key, &request, 1800000000, id, &expires, &err);
        return 0;
}
