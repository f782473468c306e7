/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Keys: RFC 7517, RFC 7518 section 6, thumbprints RFC 7638. */
#include <stdio.h>

#include "attest/jose/jose.h"
#include "base/core/encoding.h"

static const struct {
        const char *name;
        enum sv_key_type type;
} curves[] = {{"P-256", SV_KEY_P256}, {"P-384", SV_KEY_P384}, {"P-521", SV_KEY_P521}};

static const char *get_curve_name(enum sv_key_type type)
{
        for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
                if (curves[i].type == type)
                        return curves[i].name;
        return NULL;
}

struct sv_json *sv_jwk_from_key(const struct sv_key *key, const char *alg, struct sv_err *err)
{
        const char *crv = get_curve_name(sv_key_type(key));
        SV_BUF a = SV_BUF_NULL;
        SV_BUF b = SV_BUF_NULL;
        struct sv_json *j;

        if ((crv ? sv_key_ec(key, &a, &b, err) : sv_key_rsa(key, &a, &b, err)) < 0)
                return NULL;
        j = sv_json_object();
        sv_json_set_str(j, "kty", crv ? "EC" : "RSA");
        if (alg)
                sv_json_set_str(j, "alg", alg);
        if (crv)
                sv_json_set_str(j, "crv", crv);
        sv_json_set_b64url(j, crv ? "x" : "n", sv_buf_bytes(&a));
        sv_json_set_b64url(j, crv ? "y" : "e", sv_buf_bytes(&b));
        return j;
}

/* What base/crypto says about the numbers, under the name of the place they came from. */
static struct sv_key *rename_error(struct sv_key *key, const struct sv_err *inner,
                                   const char *check, struct sv_err *err)
{
        const char *last = strrchr(inner->check, '.');
        char name[64];

        if (key)
                return key;
        snprintf(name, sizeof(name), "%s%s", check, last ? last : ".key");
        sv_fail(err, inner->class, inner->class == SV_FORMAT ? name : inner->check, "%s",
                inner->msg);
        return NULL;
}

static struct sv_key *read_ec_key(const struct sv_json *jwk, const char *check, struct sv_err *err)
{
        struct sv_err inner = SV_ERR_NULL;
        SV_BUF x = SV_BUF_NULL;
        SV_BUF y = SV_BUF_NULL;
        enum sv_key_type type = 0;
        const char *crv;
        char name[64];

        if (sv_json_need_str(jwk, "crv", &crv, check, err) < 0 ||
            sv_json_need_b64url(jwk, "x", &x, check, err) < 0 ||
            sv_json_need_b64url(jwk, "y", &y, check, err) < 0)
                return NULL;
        for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
                if (!strcmp(crv, curves[i].name))
                        type = curves[i].type;
        if (!type) {
                snprintf(name, sizeof(name), "%s.crv", check);
                sv_fail(err, SV_FORMAT, name,
                        "the curve is \"%.32s\", expected P-256, P-384 or P-521", crv);
                return NULL;
        }
        return rename_error(sv_key_from_ec(type, sv_buf_bytes(&x), sv_buf_bytes(&y), &inner),
                            &inner, check, err);
}

static struct sv_key *read_rsa_key(const struct sv_json *jwk, const char *check, struct sv_err *err)
{
        struct sv_err inner = SV_ERR_NULL;
        SV_BUF n = SV_BUF_NULL;
        SV_BUF e = SV_BUF_NULL;
        char name[64];

        if (sv_json_need_b64url(jwk, "n", &n, check, err) < 0 ||
            sv_json_need_b64url(jwk, "e", &e, check, err) < 0)
                return NULL;
        /* RFC 7518 section 6.3.1.1: no more octets than needed; the KBS binding hashes the text. */
        if (!n.n || !e.n || !n.p[0] || !e.p[0]) {
                snprintf(name, sizeof(name), "%s.form", check);
                sv_fail(err, SV_FORMAT, name, "n or e is empty or begins with a zero byte");
                return NULL;
        }
        return rename_error(sv_key_from_rsa(sv_buf_bytes(&n), sv_buf_bytes(&e), &inner), &inner,
                            check, err);
}

struct sv_key *sv_jwk_to_key(const struct sv_json *jwk, const char *alg, const char *check,
                             struct sv_err *err)
{
        const char *kty, *found;
        char name[64];

        if (sv_json_need_str(jwk, "kty", &kty, check, err) < 0 ||
            (alg && sv_json_need_str(jwk, "alg", &found, check, err) < 0))
                return NULL;
        if (alg && strcmp(alg, found)) {
                snprintf(name, sizeof(name), "%s.alg", check);
                sv_fail(err, SV_FORMAT, name, "the key is for \"%.32s\", expected \"%s\"", found,
                        alg);
                return NULL;
        }
        if (!strcmp(kty, "EC"))
                return read_ec_key(jwk, check, err);
        if (!strcmp(kty, "RSA"))
                return read_rsa_key(jwk, check, err);
        snprintf(name, sizeof(name), "%s.kty", check);
        sv_fail(err, SV_FORMAT, name, "the key type is \"%.32s\", expected EC or RSA", kty);
        return NULL;
}

int sv_jwk_thumbprint(const struct sv_key *key, char out[44], struct sv_err *err)
{
        SV_JSON *jwk = sv_jwk_from_key(key, NULL, err);
        SV_BUF text = SV_BUF_NULL;
        SV_BUF b64 = SV_BUF_NULL;
        uint8_t digest[32];

        /* The required members only, sorted: without alg that is what the canonical form of our JWK
         * is. */
        if (!jwk || sv_json_canonical(jwk, &text, err) < 0 ||
            sv_digest(SV_SHA256, sv_buf_bytes(&text), digest, err) < 0)
                return -1;
        sv_put_base64url(&b64, sv_bytes(digest, sizeof(digest)));
        if (sv_buf_ok(&b64, "a thumbprint", err) < 0)
                return -1;
        memcpy(out, sv_buf_str(&b64), 44);
        return 0;
}
