/* SPDX-License-Identifier: Apache-2.0 */
/* What keys are used for: signatures, key agreement, RSA encryption. */
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include "base/crypto/crypto-ossl.h"

SV_OSSL_CLEANUP(ECDSA_SIG, ECDSA_SIG_free)

enum family { RSASSA = 1, RSAPSS, ECDSA, EDDSA };
static const struct {
        enum family family;
        enum sv_digest digest;
} schemes[] = {
        [SV_RSASSA_SHA256] = {RSASSA, SV_SHA256}, [SV_RSASSA_SHA384] = {RSASSA, SV_SHA384},
        [SV_RSASSA_SHA512] = {RSASSA, SV_SHA512}, [SV_RSAPSS_SHA256] = {RSAPSS, SV_SHA256},
        [SV_RSAPSS_SHA384] = {RSAPSS, SV_SHA384}, [SV_RSAPSS_SHA512] = {RSAPSS, SV_SHA512},
        [SV_ECDSA_SHA256] = {ECDSA, SV_SHA256},   [SV_ECDSA_SHA384] = {ECDSA, SV_SHA384},
        [SV_ECDSA_SHA512] = {ECDSA, SV_SHA512},   [SV_EDDSA] = {EDDSA, 0},
};

static size_t get_curve_size(enum sv_key_type type)
{
        return type == SV_KEY_P256 ? 32 : type == SV_KEY_P384 ? 48 : type == SV_KEY_P521 ? 66 : 0;
}

/* Scheme and key type must belong together: a caller's slip must not turn into another algorithm.
 */
static int check_scheme_fits(const struct sv_key *k, enum sv_scheme scheme, struct sv_err *err)
{
        bool fits = false;

        if (scheme >= SV_RSASSA_SHA256 && scheme <= SV_EDDSA) {
                enum family f = schemes[scheme].family;

                fits = f == ECDSA   ? get_curve_size(k->type) != 0
                       : f == EDDSA ? k->type == SV_KEY_ED25519
                                    : k->type == SV_KEY_RSA;
        }
        if (!fits)
                return sv_fail(err, SV_FORMAT, "crypto.scheme",
                               "signature scheme %d does not go with a key of type %d", (int)scheme,
                               (int)k->type);
        return 0;
}

static bool set_rsa_padding(EVP_PKEY_CTX *pctx, enum sv_scheme scheme, int salt)
{
        if (schemes[scheme].family == RSASSA)
                return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING) == 1;
        if (schemes[scheme].family == RSAPSS)
                return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                       EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt) == 1;
        return true;
}

/* DER to r || s. */
static int put_ecdsa_pair(const struct sv_key *k, const uint8_t *der, size_t n, struct sv_buf *sig,
                          struct sv_err *err)
{
        SV_OSSL(ECDSA_SIG_free) ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)n);
        size_t size = get_curve_size(k->type);
        uint8_t *out = sv_buf_grow(sig, 2 * size);

        if (sv_buf_ok(sig, "a signature", err) < 0)
                return -1;
        if (!parsed || BN_bn2binpad(ECDSA_SIG_get0_r(parsed), out, (int)size) < 0 ||
            BN_bn2binpad(ECDSA_SIG_get0_s(parsed), out + size, (int)size) < 0)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.sign",
                                    "libcrypto gave no ECDSA signature");
        return 0;
}

int sv_sign(const struct sv_key *k, enum sv_scheme scheme, struct sv_bytes msg, struct sv_buf *sig,
            struct sv_err *err)
{
        SV_OSSL(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pctx = NULL;
        uint8_t raw[1024 + 16]; /* RSA of 8192 bits */
        size_t n = sizeof(raw);

        if (check_scheme_fits(k, scheme, err) < 0)
                return -1;
        if (!k->is_private)
                return sv_fail(err, SV_FORMAT, "crypto.key.private",
                               "a signature needs the private part of the key");
        if (!ctx ||
            EVP_DigestSignInit(ctx, &pctx, sv_ossl_md(schemes[scheme].digest), NULL, k->pkey) !=
                    1 ||
            !set_rsa_padding(pctx, scheme, RSA_PSS_SALTLEN_DIGEST) ||
            EVP_DigestSign(ctx, raw, &n, msg.p, msg.n) != 1)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.sign", "libcrypto does not sign");
        if (schemes[scheme].family == ECDSA)
                return put_ecdsa_pair(k, raw, n, sig, err);
        sv_buf_put(sig, sv_bytes(raw, n));
        return sv_buf_ok(sig, "a signature", err);
}

/* r || s to DER, in memory of libcrypto; length, or 0. */
static int make_ecdsa_der(const struct sv_key *k, struct sv_bytes sig, uint8_t **der)
{
        SV_OSSL(ECDSA_SIG_free) ECDSA_SIG *made = ECDSA_SIG_new();
        size_t size = get_curve_size(k->type);
        BIGNUM *r, *s;
        int n;

        if (!made || sig.n != 2 * size)
                return 0;
        r = BN_bin2bn(sig.p, (int)size, NULL);
        s = BN_bin2bn(sig.p + size, (int)size, NULL);
        if (!r || !s || ECDSA_SIG_set0(made, r, s) != 1) {
                BN_free(r);
                BN_free(s);
                return 0;
        }
        n = i2d_ECDSA_SIG(made, der);
        return n > 0 ? n : 0;
}

int sv_verify_sig(const struct sv_key *k, enum sv_scheme scheme, struct sv_bytes msg,
                  struct sv_bytes sig, const char *check, struct sv_err *err)
{
        SV_OSSL(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pctx = NULL;
        uint8_t *der = NULL;
        int r;

        if (check_scheme_fits(k, scheme, err) < 0)
                return -1;
        if (!ctx ||
            EVP_DigestVerifyInit(ctx, &pctx, sv_ossl_md(schemes[scheme].digest), NULL, k->pkey) !=
                    1 ||
            !set_rsa_padding(pctx, scheme, RSA_PSS_SALTLEN_AUTO))
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.verify", "libcrypto does not verify");
        if (schemes[scheme].family == ECDSA)
                sig = sv_bytes(NULL, (size_t)make_ecdsa_der(k, sig, &der));
        if (der)
                sig.p = der;
        r = sig.n ? EVP_DigestVerify(ctx, sig.p, sig.n, msg.p, msg.n) : 0;
        OPENSSL_free(der);
        if (r != 1)
                return sv_ossl_fail(err, SV_PROOF, check,
                                    "the signature does not belong to this message and key");
        return 0;
}

struct sv_secret *sv_ecdh(const struct sv_key *ours, const struct sv_key *peer, struct sv_err *err)
{
        SV_OSSL(EVP_PKEY_CTX_free)
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ours->pkey, NULL);
        size_t size = get_curve_size(ours->type), n = size;
        struct sv_secret *z;

        if (!size || ours->type != peer->type || !ours->is_private) {
                sv_fail(err, SV_FORMAT, "crypto.ecdh",
                        "a private and a public key on one curve are needed");
                return NULL;
        }
        z = sv_secret_new(size, err);
        if (!z)
                return NULL;
        if (!ctx || EVP_PKEY_derive_init(ctx) != 1 ||
            /* its point was looked at when the key was made (base/crypto/crypto-key.c) */
            EVP_PKEY_derive_set_peer_ex(ctx, peer->pkey, 0) != 1 ||
            EVP_PKEY_derive(ctx, sv_secret_reveal(z), &n) != 1 || n != size) {
                sv_ossl_fail(err, SV_SYSTEM, "crypto.ecdh", "libcrypto does not agree on a key");
                sv_secret_freep(&z);
        }
        return z;
}

static int init_oaep(EVP_PKEY_CTX *ctx, const struct sv_key *k, enum sv_digest alg,
                     struct sv_bytes label, bool encrypt, struct sv_err *err)
{
        const EVP_MD *md = sv_ossl_md(alg);
        void *copy = NULL;

        if (k->type != SV_KEY_RSA || (!encrypt && !k->is_private))
                return sv_fail(err, SV_FORMAT, "crypto.key.type", "OAEP needs %s RSA key",
                               encrypt ? "an" : "a private");
        if (!ctx || !md ||
            (encrypt ? EVP_PKEY_encrypt_init(ctx) : EVP_PKEY_decrypt_init(ctx)) != 1 ||
            EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
            EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) != 1 ||
            EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) != 1)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.oaep.setup",
                                    "libcrypto does not set up RSA-OAEP");
        if (!label.n)
                return 0;
        copy = OPENSSL_memdup(label.p, label.n);
        if (!copy || EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)label.n) != 1) {
                OPENSSL_free(copy);
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.oaep.setup",
                                    "libcrypto does not take the OAEP label");
        }
        return 0;
}

int sv_oaep_encrypt(const struct sv_key *k, enum sv_digest alg, struct sv_bytes label,
                    struct sv_bytes plain, struct sv_buf *out, struct sv_err *err)
{
        SV_OSSL(EVP_PKEY_CTX_free)
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
        uint8_t *p;

        if (init_oaep(ctx, k, alg, label, true, err) < 0)
                return -1;
        p = sv_buf_grow(out, n);
        if (sv_buf_ok(out, "a ciphertext", err) < 0)
                return -1;
        if (EVP_PKEY_encrypt(ctx, p, &n, plain.p, plain.n) != 1)
                return sv_ossl_fail(err, SV_FORMAT, "crypto.size",
                                    "%zu bytes do not fit into one RSA-OAEP message", plain.n);
        return 0;
}

int sv_pkcs1_encrypt(const struct sv_key *k, struct sv_bytes plain, struct sv_buf *out,
                     struct sv_err *err)
{
        SV_OSSL(EVP_PKEY_CTX_free)
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
        uint8_t *p;

        if (k->type != SV_KEY_RSA)
                return sv_fail(err, SV_FORMAT, "crypto.key.type", "RSAES-PKCS1 needs an RSA key");
        p = sv_buf_grow(out, n);
        if (sv_buf_ok(out, "a ciphertext", err) < 0)
                return -1;
        if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 ||
            EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
            EVP_PKEY_encrypt(ctx, p, &n, plain.p, plain.n) != 1)
                return sv_ossl_fail(err, SV_FORMAT, "crypto.size",
                                    "%zu bytes do not fit into one RSAES-PKCS1 message", plain.n);
        return 0;
}

struct sv_secret *sv_oaep_decrypt(const struct sv_key *k, enum sv_digest alg, struct sv_bytes label,
                                  struct sv_bytes cipher, struct sv_err *err)
{
        SV_OSSL(EVP_PKEY_CTX_free)
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
        size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
        struct sv_secret *plain;

        if (init_oaep(ctx, k, alg, label, false, err) < 0)
                return NULL;
        plain = sv_secret_new(n, err);
        if (!plain)
                return NULL;
        if (EVP_PKEY_decrypt(ctx, sv_secret_reveal(plain), &n, cipher.p, cipher.n) != 1) {
                sv_ossl_fail(err, SV_PROOF, "crypto.oaep",
                             "the private key does not open this RSA-OAEP message");
                sv_secret_freep(&plain);
                return NULL;
        }
        sv_secret_shrink(plain, n);
        return plain;
}
