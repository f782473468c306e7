/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: made, taken in from their parts, checked once on the way in. Text and DER forms are in
 * crypto-keyform.c. */
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <strings.h>

#include "base/core/limits.h"
#include "base/crypto/crypto-ossl.h"

#define RSA_BITS_MIN 2048
#define RSA_E_MIN    65537

SV_OSSL_CLEANUP(BIGNUM, BN_free)
SV_OSSL_CLEANUP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)
SV_OSSL_CLEANUP(OSSL_PARAM, OSSL_PARAM_free)

static const struct {
        const char *nist, *sn; /* libcrypto answers with either name */
        size_t size;
} curves[] = {
        [SV_KEY_P256] = {"P-256", "prime256v1", 32},
        [SV_KEY_P384] = {"P-384", "secp384r1", 48},
        [SV_KEY_P521] = {"P-521", "secp521r1", 66},
};

static bool is_ec_type(enum sv_key_type type)
{
        return type == SV_KEY_P256 || type == SV_KEY_P384 || type == SV_KEY_P521;
}

static enum sv_key_type get_pkey_type(EVP_PKEY *pkey)
{
        char group[64];

        if (EVP_PKEY_is_a(pkey, "RSA"))
                return SV_KEY_RSA;
        if (EVP_PKEY_is_a(pkey, "ED25519"))
                return SV_KEY_ED25519;
        if (!EVP_PKEY_is_a(pkey, "EC") ||
            !EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                            NULL))
                return 0;
        for (enum sv_key_type t = SV_KEY_P256; t <= SV_KEY_P521; t++)
                if (!strcasecmp(group, curves[t].nist) || !strcasecmp(group, curves[t].sn))
                        return t;
        return 0;
}

static int check_rsa_key(EVP_PKEY *pkey, struct sv_err *err)
{
        BIGNUM *n_raw = NULL, *e_raw = NULL;
        int bits, r = 0;

        if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n_raw) ||
            !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e_raw)) {
                r = sv_ossl_fail(err, SV_FORMAT, "crypto.key.form",
                                 "the RSA key has no modulus or no exponent");
        } else {
                bits = BN_num_bits(n_raw);
                if (bits < RSA_BITS_MIN || bits > SV_RSA_BITS_MAX)
                        r = sv_fail(err, SV_FORMAT, "crypto.key.weak",
                                    "the RSA key has %d bits, expected %d to %d", bits,
                                    RSA_BITS_MIN, SV_RSA_BITS_MAX);
                else if (!BN_is_odd(n_raw))
                        r = sv_fail(err, SV_FORMAT, "crypto.key.weak", "the RSA modulus is even");
                else if (!BN_is_odd(e_raw) || BN_num_bits(e_raw) > SV_RSA_EXPONENT_BITS_MAX ||
                         BN_get_word(e_raw) < RSA_E_MIN)
                        r = sv_fail(err, SV_FORMAT, "crypto.key.weak",
                                    "the RSA exponent is even, below %d or longer than %d bits",
                                    RSA_E_MIN, SV_RSA_EXPONENT_BITS_MAX);
        }
        BN_free(n_raw);
        BN_free(e_raw);
        return r;
}

static int check_ec_key(EVP_PKEY *pkey, struct sv_err *err)
{
        SV_OSSL(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

        /* SP 800-56A, 5.6.2.3.4: on the curve and not the neutral element. These curves have
         * cofactor 1: every such point is of the group, and the multiplication by its order, that
         * the full check adds, could only cost as much as a verification. */
        if (!ctx || EVP_PKEY_public_check_quick(ctx) != 1)
                return sv_ossl_fail(err, SV_FORMAT, "crypto.key.point",
                                    "the public point is not on its curve");
        return 0;
}

struct sv_key *sv_ossl_key(EVP_PKEY *pkey, bool is_private, struct sv_err *err)
{
        SV_OSSL(EVP_PKEY_free) EVP_PKEY *owned = pkey;
        enum sv_key_type type = get_pkey_type(pkey);
        struct sv_key *k;

        if (!type) {
                sv_ossl_fail(err, SV_FORMAT, "crypto.key.type",
                             "the key is of type %s, expected RSA, P-256, P-384, P-521 or Ed25519",
                             EVP_PKEY_get0_type_name(pkey) ? EVP_PKEY_get0_type_name(pkey)
                                                           : "unknown");
                return NULL;
        }
        if ((type == SV_KEY_RSA && check_rsa_key(pkey, err) < 0) ||
            (is_ec_type(type) && check_ec_key(pkey, err) < 0))
                return NULL;
        k = calloc(1, sizeof(*k));
        if (!k) {
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a key");
                return NULL;
        }
        *k = (struct sv_key){owned, type, is_private};
        owned = NULL;
        return k;
}

struct sv_key *sv_key_generate(enum sv_key_type type, unsigned rsa_bits, struct sv_err *err)
{
        EVP_PKEY *pkey = NULL;

        if (type == SV_KEY_RSA)
                pkey = rsa_bits >= RSA_BITS_MIN && rsa_bits <= SV_RSA_BITS_MAX
                               ? EVP_RSA_gen(rsa_bits)
                               : NULL;
        else if (is_ec_type(type))
                pkey = EVP_EC_gen(curves[type].nist);
        else if (type == SV_KEY_ED25519)
                pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        if (!pkey) {
                sv_ossl_fail(err, SV_SYSTEM, "crypto.key.generate",
                             "libcrypto does not make a key of type %d", (int)type);
                return NULL;
        }
        return sv_ossl_key(pkey, true, err);
}

static struct sv_key *make_key_from_params(const char *algorithm, OSSL_PARAM *params,
                                           const char *check, struct sv_err *err)
{
        SV_OSSL(EVP_PKEY_CTX_free)
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
        EVP_PKEY *pkey = NULL;

        if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
            EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
                sv_ossl_fail(err, SV_FORMAT, check, "these numbers make no %s key", algorithm);
                return NULL;
        }
        return sv_ossl_key(pkey, false, err);
}

struct sv_key *sv_key_from_ec(enum sv_key_type curve, struct sv_bytes x, struct sv_bytes y,
                              struct sv_err *err)
{
        uint8_t point[1 + 2 * 66] = {4}; /* uncompressed, SEC 1 section 2.3.3 */
        OSSL_PARAM params[3];
        size_t size;

        if (!is_ec_type(curve)) {
                sv_fail(err, SV_FORMAT, "crypto.key.type", "key type %d has no curve points",
                        (int)curve);
                return NULL;
        }
        size = curves[curve].size;
        if (x.n != size || y.n != size) {
                sv_fail(err, SV_FORMAT, "crypto.key.point",
                        "coordinates on %s have %zu bytes each, found %zu and %zu",
                        curves[curve].nist, size, x.n, y.n);
                return NULL;
        }
        memcpy(point + 1, x.p, size);
        memcpy(point + 1 + size, y.p, size);
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                     (char *)(uintptr_t)curves[curve].nist, 0);
        params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size);
        params[2] = OSSL_PARAM_construct_end();
        return make_key_from_params("EC", params, "crypto.key.point", err);
}

struct sv_key *sv_key_from_rsa(struct sv_bytes n, struct sv_bytes e, struct sv_err *err)
{
        SV_OSSL(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
        SV_OSSL(BN_free) BIGNUM *bn_n = NULL;
        SV_OSSL(BN_free) BIGNUM *bn_e = NULL;
        SV_OSSL(OSSL_PARAM_free) OSSL_PARAM *params = NULL;

        if (!n.n || !e.n || n.n > SV_RSA_BITS_MAX / 8 + 1 || e.n > SV_RSA_BITS_MAX / 8 + 1) {
                sv_fail(err, SV_FORMAT, "crypto.key.weak",
                        "an RSA modulus of %zu bytes with an exponent of %zu bytes", n.n, e.n);
                return NULL;
        }
        bn_n = BN_bin2bn(n.p, (int)n.n, NULL);
        bn_e = BN_bin2bn(e.p, (int)e.n, NULL);
        if (bld && bn_n && bn_e && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) == 1 &&
            OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) == 1)
                params = OSSL_PARAM_BLD_to_param(bld);
        return make_key_from_params("RSA", params, "crypto.key.form", err);
}

void sv_key_free(struct sv_key *k)
{
        if (!k)
                return;
        EVP_PKEY_free(k->pkey);
        free(k);
}

void sv_key_freep(struct sv_key **k)
{
        sv_key_free(*k);
        *k = NULL;
}

enum sv_key_type sv_key_type(const struct sv_key *k)
{
        return k->type;
}

unsigned sv_key_bits(const struct sv_key *k)
{
        return (unsigned)EVP_PKEY_get_bits(k->pkey);
}

static int put_key_number(const struct sv_key *k, const char *name, size_t width,
                          struct sv_buf *out, struct sv_err *err)
{
        SV_OSSL(BN_free) BIGNUM *bn = NULL;
        uint8_t *p;

        if (!EVP_PKEY_get_bn_param(k->pkey, name, &bn))
                return sv_ossl_fail(err, SV_FORMAT, "crypto.key.form", "the key has no number %s",
                                    name);
        if (!width)
                width = (size_t)BN_num_bytes(bn);
        p = sv_buf_grow(out, width);
        if (sv_buf_ok(out, "a key's number", err) < 0)
                return -1;
        if (BN_bn2binpad(bn, p, (int)width) < 0)
                return sv_ossl_fail(err, SV_FORMAT, "crypto.key.form",
                                    "the number %s is longer than %zu bytes", name, width);
        return 0;
}

int sv_key_ec(const struct sv_key *k, struct sv_buf *x, struct sv_buf *y, struct sv_err *err)
{
        if (!is_ec_type(k->type))
                return sv_fail(err, SV_FORMAT, "crypto.key.type", "the key is not on a NIST curve");
        if (put_key_number(k, OSSL_PKEY_PARAM_EC_PUB_X, curves[k->type].size, x, err) < 0)
                return -1;
        return put_key_number(k, OSSL_PKEY_PARAM_EC_PUB_Y, curves[k->type].size, y, err);
}

int sv_key_rsa(const struct sv_key *k, struct sv_buf *n, struct sv_buf *e, struct sv_err *err)
{
        if (k->type != SV_KEY_RSA)
                return sv_fail(err, SV_FORMAT, "crypto.key.type", "the key is not an RSA key");
        if (put_key_number(k, OSSL_PKEY_PARAM_RSA_N, 0, n, err) < 0)
                return -1;
        return put_key_number(k, OSSL_PKEY_PARAM_RSA_E, 0, e, err);
}
