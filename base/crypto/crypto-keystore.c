/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys by name: a PEM file, or a URI that one of libcrypto's stores resolves
 * (ossl_store(7)): pkcs11:… with its provider. The key may stay in its token: all that is asked of
 * it is its public point and signatures. */
#include <openssl/store.h>
#include <openssl/ui.h>
#include <stdlib.h>

#include "base/crypto/crypto-ossl.h"
#include "base/core/file.h"
#include "base/core/limits.h"

SV_OSSL_CLEANUP(OSSL_STORE_CTX, OSSL_STORE_close)
SV_OSSL_CLEANUP(OSSL_STORE_INFO, OSSL_STORE_INFO_free)

/* A scheme (RFC 3986, section 3.1) of more than one letter, before any slash. */
static bool is_uri(const char *name)
{
        size_t n =
                strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

        return n > 1 && name[n] == ':';
}

static struct sv_key *read_key_file(const char *path, struct sv_err *err)
{
        SV_BUF pem = SV_BUF_NULL;
        struct sv_key *k = NULL;

        if (sv_file_read(path, SV_PEM_SIZE_MAX, &pem, "crypto.keystore", err) == 0)
                k = sv_key_from_pem(sv_buf_bytes(&pem), true, err);
        if (!k)
                sv_wrap(err, "%s", path);
        return k;
}

/* The first private key that the store gives; a PIN belongs into the URI (pin-source=file:…): the
 * program does not ask for one. */
static EVP_PKEY *load_first_key(OSSL_STORE_CTX *store)
{
        EVP_PKEY *pkey = NULL;

        while (!pkey && !OSSL_STORE_eof(store)) {
                SV_OSSL(OSSL_STORE_INFO_free) OSSL_STORE_INFO *info = OSSL_STORE_load(store);

                if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
                        pkey = OSSL_STORE_INFO_get1_PKEY(info);
                else if (!info && OSSL_STORE_error(store))
                        return NULL;
        }
        return pkey;
}

/* A key's own store may answer no question about its point but what it is: the rules for keys are
 * held against a copy of that. */
static int check_public_half(EVP_PKEY *pkey, struct sv_err *err)
{
        SV_BUF spki = SV_BUF_NULL;
        SV_KEY *copy = NULL;
        struct sv_key key = {.pkey = pkey};

        if (sv_key_spki(&key, &spki, err) < 0)
                return -1;
        copy = sv_key_from_spki(sv_buf_bytes(&spki), err);
        return copy ? (int)sv_key_type(copy) : -1;
}

static struct sv_key *open_store_key(const char *uri, struct sv_err *err)
{
        SV_OSSL(OSSL_STORE_close)
        OSSL_STORE_CTX *store = OSSL_STORE_open(uri, UI_null(), NULL, NULL, NULL);
        EVP_PKEY *pkey = NULL;
        struct sv_key *k;
        int type;

        if (store && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
                pkey = load_first_key(store);
        if (!pkey) {
                sv_ossl_fail(err, SV_SYSTEM, "crypto.keystore",
                             "no store gives a private key for this URI (is its provider loaded?)");
                return NULL;
        }
        ERR_clear_error();
        type = check_public_half(pkey, err);
        k = type > 0 ? calloc(1, sizeof(*k)) : NULL;
        if (!k) {
                EVP_PKEY_free(pkey);
                if (type > 0)
                        sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a key");
                return NULL;
        }
        *k = (struct sv_key){pkey, (enum sv_key_type)type, true};
        return k;
}

struct sv_key *sv_key_open(const char *name, struct sv_err *err)
{
        return is_uri(name) ? open_store_key(name, err) : read_key_file(name, err);
}
