/* SPDX-License-Identifier: Apache-2.0 */
/* Private to base/crypto*.c, base/x509*.c and base/net/tls.c: what the opaque types hold. No other
 * file may include it (it is where libcrypto's names begin). */
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/crypto/x509.h"

struct sv_key {
        EVP_PKEY *pkey;
        enum sv_key_type type;
        bool is_private;
};

struct sv_cert {
        X509 *x509;
};

/* Takes the reference to pkey, also on failure; refuses what base/crypto/crypto.h says a key may
 * not be: class SV_FORMAT, check "crypto.key.type" / "crypto.key.weak" / "crypto.key.point". */
struct sv_key *sv_ossl_key(EVP_PKEY *pkey, bool is_private, struct sv_err *err);

/* sv_fail with libcrypto's last reason appended to the message; empties libcrypto's error queue.
 * Returns -1. */
int sv_ossl_fail(struct sv_err *err, enum sv_class class, const char *check, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

const EVP_MD *sv_ossl_md(enum sv_digest alg); /* NULL when unknown */

#define SV_OSSL_CLEANUP(type, fn)           \
        static inline void fn##_p(type **p) \
        {                                   \
                fn(*p);                     \
        }
SV_OSSL_CLEANUP(EVP_PKEY, EVP_PKEY_free)
SV_OSSL_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
SV_OSSL_CLEANUP(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)
SV_OSSL_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)
SV_OSSL_CLEANUP(BIO, BIO_free_all)
SV_OSSL_CLEANUP(X509, X509_free)
#define SV_OSSL(fn) __attribute__((cleanup(fn##_p)))
