/* SPDX-License-Identifier: Apache-2.0 */
/* What evidence is bound to: the nonce and the guest's key, hashed in one canonical form on both
 * sides. Only the members that the protocol types take part: a peer that types the message would
 * drop any other, and the digests would differ. */
#include "attest/kbs/kbs.h"

#include <stdlib.h>

#include "base/core/file.h"

#define PART_MAX 1400 /* characters of a coordinate or modulus: RSA-8192 has 1366 */

void sv_kbs_pubkey_free(struct sv_kbs_pubkey *k)
{
        free(k->a);
        free(k->b);
        memset(k, 0, sizeof(*k));
}

static int copy_jwk_member(const struct sv_json *jwk, const char *member, char *out, size_t size,
                           struct sv_err *err)
{
        const char *s;

        if (sv_json_need_str(jwk, member, &s, "kbs.tee-pubkey", err) < 0)
                return -1;
        if (strlen(s) >= size)
                return sv_fail(err, SV_FORMAT, "kbs.tee-pubkey",
                               "\"%s\" is longer than %zu characters", member, size - 1);
        memcpy(out, s, strlen(s) + 1);
        return 0;
}

static int copy_part(const struct sv_json *jwk, const char *member, char **out, struct sv_err *err)
{
        const char *s;

        if (sv_json_need_str(jwk, member, &s, "kbs.tee-pubkey", err) < 0)
                return -1;
        if (!*s || strlen(s) > PART_MAX)
                return sv_fail(err, SV_FORMAT, "kbs.tee-pubkey",
                               "\"%s\" has %zu characters, expected 1 to %d", member, strlen(s),
                               PART_MAX);
        *out = sv_asprintf("%s", s);
        return 0;
}

int sv_kbs_parse_pubkey(const struct sv_json *jwk, struct sv_kbs_pubkey *out, struct sv_err *err)
{
        SV_KBS_PUBKEY k = {{0}};
        bool ec;

        if (copy_jwk_member(jwk, "kty", k.kty, sizeof(k.kty), err) < 0 ||
            copy_jwk_member(jwk, "alg", k.alg, sizeof(k.alg), err) < 0)
                return -1;
        ec = !strcmp(k.kty, "EC");
        if (!ec && strcmp(k.kty, "RSA"))
                return sv_fail(err, SV_FORMAT, "kbs.tee-pubkey",
                               "key type \"%s\"; expected EC or RSA", k.kty);
        if (ec && copy_jwk_member(jwk, "crv", k.crv, sizeof(k.crv), err) < 0)
                return -1;
        if (copy_part(jwk, ec ? "x" : "n", &k.a, err) < 0 ||
            copy_part(jwk, ec ? "y" : "e", &k.b, err) < 0)
                return -1;
        *out = k;
        memset(&k, 0, sizeof(k));
        return 0;
}

struct sv_json *sv_kbs_pubkey_json(const struct sv_kbs_pubkey *key)
{
        struct sv_json *j = sv_json_object();
        bool ec = !strcmp(key->kty, "EC");

        sv_json_set_str(j, "kty", key->kty);
        sv_json_set_str(j, "alg", key->alg);
        if (ec)
                sv_json_set_str(j, "crv", key->crv);
        sv_json_set_str(j, ec ? "x" : "n", key->a);
        sv_json_set_str(j, ec ? "y" : "e", key->b);
        return j;
}

int sv_kbs_binding_digest(const char *additional, const char *nonce,
                          const struct sv_kbs_pubkey *key, uint8_t digest[SV_KBS_BINDING_SIZE],
                          struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        SV_BUF text = SV_BUF_NULL;

        if (additional)
                sv_json_set_str(j, "additional-evidence", additional);
        sv_json_set_str(j, "nonce", nonce);
        sv_json_set(j, "tee-pubkey", sv_kbs_pubkey_json(key));
        if (sv_json_canonical(j, &text, err) < 0)
                return -1;
        return sv_digest(SV_SHA384, sv_buf_bytes(&text), digest, err);
}
