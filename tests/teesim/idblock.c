/* SPDX-License-Identifier: Apache-2.0 */
/* ID block and ID authentication as the firmware checks them (AMD 56860, SNP_LAUNCH_FINISH, tables
 * 73 to 76 and chapter 10). With its own reading of the formats and libcrypto only: sev/idblock is
 * what this checks. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "tests/teesim/teesim.h"

enum { KEY_SIZE = 0x404, NUMBER = 72, P384 = 48 };

void sha384(const void *data, size_t n, uint8_t out[LD_SIZE])
{
        if (EVP_Digest(data, n, out, NULL, EVP_sha384(), NULL) != 1)
                memset(out, 0, LD_SIZE);
}

static uint32_t u32(const uint8_t *p)
{
        return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool all_zero(const uint8_t *p, size_t n)
{
        while (n--)
                if (*p++)
                        return false;
        return true;
}

/* Little endian, 72 bytes, of which 48 count. */
static bool big_endian(const uint8_t raw[NUMBER], uint8_t out[P384])
{
        for (unsigned i = 0; i < P384; i++)
                out[P384 - 1 - i] = raw[i];
        return all_zero(raw + P384, NUMBER - P384);
}

static EVP_PKEY *public_key(const uint8_t raw[KEY_SIZE])
{
        uint8_t point[1 + 2 * P384] = {4};
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-384", 0),
                OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
                OSSL_PARAM_construct_end()};
        EVP_PKEY_CTX *ctx;
        EVP_PKEY *key = NULL;

        if (u32(raw) != 2 || !big_endian(raw + 4, point + 1) ||
            !big_endian(raw + 4 + NUMBER, point + 1 + P384))
                return NULL;
        ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
            EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
                key = NULL;
        EVP_PKEY_CTX_free(ctx);
        return key;
}

/* SIGNATURE: R and S, 72 bytes each, then zeros to 512. */
static bool holds(const uint8_t raw_key[KEY_SIZE], const uint8_t *data, size_t n,
                  const uint8_t raw[512])
{
        EVP_PKEY *key = public_key(raw_key);
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        ECDSA_SIG *sig = ECDSA_SIG_new();
        uint8_t r[P384], s[P384];
        unsigned char *der = NULL;
        int size = -1;
        bool ok = false;

        if (key && ctx && sig && big_endian(raw, r) && big_endian(raw + NUMBER, s) &&
            all_zero(raw + 2 * NUMBER, 512 - 2 * NUMBER) &&
            ECDSA_SIG_set0(sig, BN_bin2bn(r, P384, NULL), BN_bin2bn(s, P384, NULL)) == 1)
                size = i2d_ECDSA_SIG(sig, &der);
        if (size > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, key) == 1)
                ok = EVP_DigestVerify(ctx, der, (size_t)size, data, n) == 1;
        OPENSSL_free(der);
        ECDSA_SIG_free(sig);
        EVP_MD_CTX_free(ctx);
        EVP_PKEY_free(key);
        return ok;
}

int idblock_check(const uint8_t block[96], const uint8_t auth[4096], bool author,
                  const uint8_t ld[LD_SIZE], uint64_t policy, struct id *out)
{
        const uint8_t *id_key = auth + 0x240, *author_key = auth + 0x880;
        uint64_t wanted = u32(block + 88) | (uint64_t)u32(block + 92) << 32;

        if (u32(block + 80) != 1 || u32(auth) != 1 || !all_zero(auth + 8, 0x38))
                return FW_INVALID_PARAM;
        if (!holds(id_key, block, 96, auth + 0x40))
                return FW_BAD_SIGNATURE;
        if (author && (u32(auth + 4) != 1 || !holds(author_key, id_key, KEY_SIZE, auth + 0x680)))
                return FW_BAD_SIGNATURE;
        if (memcmp(block, ld, LD_SIZE))
                return FW_BAD_MEASUREMENT;
        if (wanted != policy)
                return FW_POLICY_FAILURE;
        memcpy(out->family_id, block + 48, 16);
        memcpy(out->image_id, block + 64, 16);
        out->guest_svn = u32(block + 84);
        sha384(id_key, KEY_SIZE, out->id_key_digest);
        if (author)
                sha384(author_key, KEY_SIZE, out->author_key_digest);
        return FW_OK;
}
