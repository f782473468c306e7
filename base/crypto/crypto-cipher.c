/* SPDX-License-Identifier: Apache-2.0 */
/* AES in the three modes that the formats ask for: GCM, key wrap, CFB. */
#include "base/core/limits.h"
#include "base/crypto/crypto-ossl.h"

static int check_size(const char *what, size_t have, size_t want, struct sv_err *err)
{
        if (have != want)
                return sv_fail(err, SV_FORMAT, "crypto.size", "%s has %zu bytes, expected %zu",
                               what, have, want);
        return 0;
}

static int check_gcm_sizes(struct sv_bytes key, struct sv_bytes iv, struct sv_bytes aad,
                           struct sv_bytes text, struct sv_err *err)
{
        if (check_size("the AES-256-GCM key", key.n, 32, err) < 0 ||
            check_size("the GCM iv", iv.n, 12, err) < 0)
                return -1;
        if (aad.n > INT32_MAX || text.n > INT32_MAX)
                return sv_fail(err, SV_FORMAT, "crypto.size",
                               "%zu bytes are too many for one GCM message", aad.n + text.n);
        return 0;
}

int sv_gcm_seal(struct sv_bytes key, struct sv_bytes iv, struct sv_bytes aad, struct sv_bytes plain,
                struct sv_buf *cipher, uint8_t tag[16], struct sv_err *err)
{
        SV_OSSL(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        uint8_t *out;
        int n;

        if (check_gcm_sizes(key, iv, aad, plain, err) < 0)
                return -1;
        out = sv_buf_grow(cipher, plain.n);
        if (sv_buf_ok(cipher, "a ciphertext", err) < 0)
                return -1;
        if (!c || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key.p, iv.p) != 1 ||
            (aad.n && EVP_EncryptUpdate(c, NULL, &n, aad.p, (int)aad.n) != 1) ||
            (plain.n && EVP_EncryptUpdate(c, out, &n, plain.p, (int)plain.n) != 1) ||
            EVP_EncryptFinal_ex(c, tag, &n) != 1 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag) != 1)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.gcm",
                                    "libcrypto does not encrypt with AES-256-GCM");
        return 0;
}

struct sv_secret *sv_gcm_open(struct sv_bytes key, struct sv_bytes iv, struct sv_bytes aad,
                              struct sv_bytes cipher, struct sv_bytes tag, struct sv_err *err)
{
        SV_OSSL(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        SV_SECRET *plain = NULL;
        struct sv_secret *opened;
        uint8_t end[16];
        int n;

        if (check_gcm_sizes(key, iv, aad, cipher, err) < 0 ||
            check_size("the GCM tag", tag.n, 16, err) < 0)
                return NULL;
        plain = sv_secret_new(cipher.n ? cipher.n : 1, err); /* an empty message is a message */
        if (!plain)
                return NULL;
        if (!c || EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key.p, iv.p) != 1 ||
            (aad.n && EVP_DecryptUpdate(c, NULL, &n, aad.p, (int)aad.n) != 1) ||
            (cipher.n &&
             EVP_DecryptUpdate(c, sv_secret_reveal(plain), &n, cipher.p, (int)cipher.n) != 1) ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(uintptr_t)tag.p) != 1) {
                sv_ossl_fail(err, SV_SYSTEM, "crypto.gcm",
                             "libcrypto does not decrypt with AES-256-GCM");
                return NULL;
        }
        if (EVP_DecryptFinal_ex(c, end, &n) != 1) {
                sv_ossl_fail(err, SV_PROOF, "crypto.gcm.tag",
                             "the authentication tag does not fit key, iv, header and ciphertext");
                return NULL;
        }
        sv_secret_shrink(plain, cipher.n);
        opened = plain;
        plain = NULL;
        return opened;
}

int sv_kw_wrap(struct sv_bytes kek, struct sv_bytes key, struct sv_buf *wrapped, struct sv_err *err)
{
        SV_OSSL(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        uint8_t *out;
        int n = 0;

        if (check_size("the key-encryption key", kek.n, 32, err) < 0)
                return -1;
        if (key.n < 16 || key.n % 8 || key.n > SV_KEY_WRAP_MAX)
                return sv_fail(err, SV_FORMAT, "crypto.size",
                               "a key of %zu bytes cannot be wrapped (16 to %d, a multiple of 8)",
                               key.n, SV_KEY_WRAP_MAX);
        out = sv_buf_grow(wrapped, key.n + 8);
        if (sv_buf_ok(wrapped, "a wrapped key", err) < 0)
                return -1;
        if (!c)
                return sv_fail(err, SV_SYSTEM, "crypto.kw.wrap", "no memory for a cipher");
        EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        if (EVP_EncryptInit_ex(c, EVP_aes_256_wrap(), NULL, kek.p, NULL) != 1 ||
            EVP_EncryptUpdate(c, out, &n, key.p, (int)key.n) != 1 || (size_t)n != key.n + 8)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.kw.wrap",
                                    "libcrypto does not wrap a key");
        return 0;
}

struct sv_secret *sv_kw_unwrap(struct sv_bytes kek, struct sv_bytes wrapped, struct sv_err *err)
{
        SV_OSSL(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        struct sv_secret *key;
        int n = 0;

        if (check_size("the key-encryption key", kek.n, 32, err) < 0)
                return NULL;
        if (wrapped.n < 24 || wrapped.n % 8 || wrapped.n > SV_KEY_WRAP_MAX + 8) {
                sv_fail(err, SV_FORMAT, "crypto.size",
                        "a wrapped key cannot have %zu bytes (24 to %d, a multiple of 8)",
                        wrapped.n, SV_KEY_WRAP_MAX + 8);
                return NULL;
        }
        key = sv_secret_new(wrapped.n, err); /* libcrypto may use the whole input's length */
        if (!key)
                return NULL;
        if (c)
                EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        if (!c || EVP_DecryptInit_ex(c, EVP_aes_256_wrap(), NULL, kek.p, NULL) != 1 ||
            EVP_DecryptUpdate(c, sv_secret_reveal(key), &n, wrapped.p, (int)wrapped.n) != 1 ||
            (size_t)n != wrapped.n - 8) {
                sv_ossl_fail(err, SV_PROOF, "crypto.kw",
                             "this key does not unwrap the wrapped key (RFC 3394 integrity check)");
                sv_secret_free(key);
                return NULL;
        }
        sv_secret_shrink(key, (size_t)n);
        return key;
}

int sv_aes_cfb(struct sv_bytes key, struct sv_bytes iv, bool encrypt, uint8_t *data, size_t n,
               struct sv_err *err)
{
        SV_OSSL(EVP_CIPHER_CTX_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        const EVP_CIPHER *cipher = key.n == 16 ? EVP_aes_128_cfb128() : EVP_aes_256_cfb128();
        int done = 0;

        if (key.n != 16 && key.n != 32)
                return sv_fail(err, SV_FORMAT, "crypto.size",
                               "the AES key has %zu bytes, expected 16 or 32", key.n);
        if (check_size("the CFB iv", iv.n, 16, err) < 0)
                return -1;
        if (n > INT32_MAX || !c || EVP_CipherInit_ex(c, cipher, NULL, key.p, iv.p, encrypt) != 1 ||
            (n && EVP_CipherUpdate(c, data, &done, data, (int)n) != 1) || (size_t)done != n)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.cfb", "libcrypto does not run AES-CFB");
        return 0;
}
