/* SPDX-License-Identifier: Apache-2.0 */
/* AES-XTS as dm-crypt does it: a tweak for each sector. */
#include <stdlib.h>

#include "base/crypto/crypto-ossl.h"

struct sv_xts {
        EVP_CIPHER_CTX *ctx;
        size_t sector;
};

void sv_xts_free(struct sv_xts *x)
{
        if (x)
                EVP_CIPHER_CTX_free(x->ctx);
        free(x);
}

void sv_xts_freep(struct sv_xts **x)
{
        sv_xts_free(*x);
}

struct sv_xts *sv_xts_new(struct sv_bytes key, size_t sector, struct sv_err *err)
{
        SV_XTS *x = calloc(1, sizeof(*x));
        struct sv_xts *out;

        if (!x) {
                sv_fail_errno(err, "base.memory", "no memory for a cipher");
                return NULL;
        }
        if (key.n != 64) {
                sv_fail(err, SV_FORMAT, "crypto.size",
                        "the AES-256-XTS key has %zu bytes, expected 64", key.n);
                return NULL;
        }
        x->ctx = EVP_CIPHER_CTX_new();
        if (!x->ctx || EVP_EncryptInit_ex(x->ctx, EVP_aes_256_xts(), NULL, key.p, NULL) != 1) {
                sv_ossl_fail(err, SV_SYSTEM, "crypto.xts",
                             "libcrypto does not encrypt with AES-256-XTS");
                return NULL;
        }
        x->sector = sector;
        out = x;
        x = NULL;
        return out;
}

int sv_xts_encrypt(struct sv_xts *x, uint64_t sector, uint8_t *p, size_t n, struct sv_err *err)
{
        if (n % x->sector)
                return sv_fail(err, SV_FORMAT, "crypto.size", "%zu bytes are no whole sectors", n);
        for (; n; n -= x->sector, p += x->sector, sector += x->sector / 512) {
                uint8_t tweak[16] = {0};
                int got;

                for (int i = 0; i < 8; i++)
                        tweak[i] = (uint8_t)(sector >> 8 * i);
                if (EVP_EncryptInit_ex(x->ctx, NULL, NULL, NULL, tweak) != 1 ||
                    EVP_EncryptUpdate(x->ctx, p, &got, p, (int)x->sector) != 1 ||
                    (size_t)got != x->sector)
                        return sv_ossl_fail(err, SV_SYSTEM, "crypto.xts",
                                            "libcrypto does not encrypt with AES-256-XTS");
        }
        return 0;
}
