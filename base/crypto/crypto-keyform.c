/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as DER and PEM. */
#include <openssl/pem.h>

#include "base/crypto/crypto-ossl.h"
#include "base/core/limits.h"

struct sv_key *sv_key_from_spki(struct sv_bytes der, struct sv_err *err)
{
        const uint8_t *p = der.p;
        EVP_PKEY *pkey =
                der.n && der.n <= SV_PEM_SIZE_MAX ? d2i_PUBKEY(NULL, &p, (long)der.n) : NULL;

        if (!pkey) {
                sv_ossl_fail(err, SV_FORMAT, "crypto.key.form",
                             "%zu bytes are no DER SubjectPublicKeyInfo of a key type known here",
                             der.n);
                return NULL;
        }
        if (p != der.p + der.n) {
                EVP_PKEY_free(pkey);
                sv_fail(err, SV_FORMAT, "crypto.key.form",
                        "%zu bytes follow the SubjectPublicKeyInfo", (size_t)(der.p + der.n - p));
                return NULL;
        }
        return sv_ossl_key(pkey, false, err);
}

/* libcrypto would otherwise ask at the terminal. */
static int refuse_passphrase(char *buf, int size, int rwflag, void *arg)
{
        return -1;
}

struct sv_key *sv_key_from_pem(struct sv_bytes pem, bool want_private, struct sv_err *err)
{
        SV_OSSL(BIO_free_all)
        BIO *in = pem.n && pem.n <= SV_PEM_SIZE_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
        EVP_PKEY *pkey = NULL;

        if (in && want_private)
                pkey = PEM_read_bio_PrivateKey(in, NULL, refuse_passphrase, NULL);
        else if (in)
                pkey = PEM_read_bio_PUBKEY(in, NULL, refuse_passphrase, NULL);
        if (!pkey) {
                sv_ossl_fail(err, SV_FORMAT, "crypto.key.pem", "the text holds no %s in PEM",
                             want_private ? "unencrypted private key" : "public key");
                return NULL;
        }
        ERR_clear_error();
        return sv_ossl_key(pkey, want_private, err);
}

int sv_key_spki(const struct sv_key *k, struct sv_buf *der, struct sv_err *err)
{
        uint8_t *raw = NULL;
        int n = i2d_PUBKEY(k->pkey, &raw);

        if (n <= 0)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.key.form",
                                    "libcrypto does not write a SubjectPublicKeyInfo");
        sv_buf_put(der, sv_bytes(raw, (size_t)n));
        OPENSSL_free(raw);
        return sv_buf_ok(der, "a public key", err);
}

int sv_key_private_pem(const struct sv_key *k, struct sv_secret **pem, struct sv_err *err)
{
        SV_OSSL(BIO_free_all) BIO *out = BIO_new(BIO_s_secmem());
        struct sv_secret *s;
        char *text;
        long n;

        if (!k->is_private)
                return sv_fail(err, SV_FORMAT, "crypto.key.private", "the key has no private part");
        if (!out || PEM_write_bio_PKCS8PrivateKey(out, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.key.form",
                                    "libcrypto does not write a private key");
        n = BIO_get_mem_data(out, &text);
        s = sv_secret_copy(sv_bytes(text, (size_t)n), err);
        sv_wipe(text, (size_t)n);
        if (!s)
                return -1;
        *pem = s;
        return 0;
}

int sv_key_public_pem(const struct sv_key *k, struct sv_buf *pem, struct sv_err *err)
{
        SV_OSSL(BIO_free_all) BIO *out = BIO_new(BIO_s_mem());
        char *text;
        long n;

        if (!out || PEM_write_bio_PUBKEY(out, k->pkey) != 1)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.key.form",
                                    "libcrypto does not write a public key");
        n = BIO_get_mem_data(out, &text);
        sv_buf_put(pem, sv_bytes(text, (size_t)n));
        return sv_buf_ok(pem, "a public key", err);
}
