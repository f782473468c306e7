/* SPDX-License-Identifier: Apache-2.0 */
/* Between the protocol's typed key and a key that encrypts. */
#include "attest/jose/jose.h"
#include "attest/kbs/kbs.h"

#define ALG_EC  "ECDH-ES+A256KW"
#define ALG_RSA "RSA-OAEP-256"

int sv_kbs_pubkey_from_key(const struct sv_key *key, struct sv_kbs_pubkey *out, struct sv_err *err)
{
        SV_JSON *j = sv_jwk_from_key(key, sv_key_type(key) == SV_KEY_RSA ? ALG_RSA : ALG_EC, err);

        return j ? sv_kbs_parse_pubkey(j, out, err) : -1;
}

int sv_kbs_pubkey_to_key(const struct sv_kbs_pubkey *key, struct sv_key **out, struct sv_err *err)
{
        SV_JSON *j = sv_kbs_pubkey_json(key);
        bool ec = !strcmp(key->kty, "EC");

        if (strcmp(key->alg, ec ? ALG_EC : ALG_RSA))
                return sv_fail(err, SV_FORMAT, "kbs.tee-pubkey",
                               "algorithm \"%s\" for a key of type %s; expected %s", key->alg,
                               key->kty, ec ? ALG_EC : ALG_RSA);
        if (ec && strcmp(key->crv, "P-256") && strcmp(key->crv, "P-521"))
                return sv_fail(err, SV_FORMAT, "kbs.tee-pubkey",
                               "curve \"%s\"; expected P-256 or P-521", key->crv);
        *out = sv_jwk_to_key(j, key->alg, "kbs.tee-pubkey", err);
        return *out ? 0 : -1;
}
