/* SPDX-License-Identifier: Apache-2.0 */
/* The three counter-mode derivations: Concat KDF (JOSE), KDFa and KDFe (TPM 2.0). They differ in
 * what goes into each round. */
#include "base/core/limits.h"
#include "base/crypto/crypto-ossl.h"

struct round_input { /* digest or HMAC over counter || parts */
        enum sv_digest alg;
        const struct sv_bytes *parts;
        size_t n_parts;
        const struct sv_bytes *hmac_key; /* NULL: plain digest */
};

static int hash_kdf_round(const struct round_input *in, uint32_t counter, uint8_t *out,
                          struct sv_err *err)
{
        SV_BUF msg = SV_BUF_NULL; /* wiped when freed: Z is in it */

        sv_buf_u32be(&msg, counter);
        for (size_t i = 0; i < in->n_parts; i++)
                sv_buf_put(&msg, in->parts[i]);
        if (sv_buf_ok(&msg, "a key derivation", err) < 0)
                return -1;
        if (in->hmac_key)
                return sv_hmac(in->alg, *in->hmac_key, sv_buf_bytes(&msg), out, err);
        return sv_digest(in->alg, sv_buf_bytes(&msg), out, err);
}

static int derive_key_bytes(const struct round_input *in, uint8_t *out, size_t n,
                            struct sv_err *err)
{
        size_t size = sv_digest_size(in->alg), have = 0;
        uint8_t block[SV_DIGEST_MAX];

        if (!size || !n || n > SV_KDF_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "crypto.kdf",
                               "a derivation of %zu bytes with %s is not defined here", n,
                               sv_digest_name(in->alg));
        for (uint32_t counter = 1; have < n; counter++) {
                size_t take = n - have < size ? n - have : size;

                if (hash_kdf_round(in, counter, block, err) < 0) {
                        sv_wipe(out, n);
                        return -1;
                }
                memcpy(out + have, block, take);
                have += take;
        }
        sv_wipe(block, sizeof(block));
        return 0;
}

int sv_kdf_concat(struct sv_bytes z, struct sv_bytes info, uint8_t *out, size_t n,
                  struct sv_err *err)
{
        const struct sv_bytes parts[] = {z, info};
        const struct round_input in = {SV_SHA256, parts, 2, NULL};

        return derive_key_bytes(&in, out, n, err);
}

int sv_kdfa(enum sv_digest alg, struct sv_bytes key, const char *label, struct sv_bytes u,
            struct sv_bytes v, uint8_t *out, size_t n, struct sv_err *err)
{
        uint32_t bits = (uint32_t)n * 8;
        const uint8_t length[4] = {bits >> 24, bits >> 16, bits >> 8, bits};
        /* The label travels with its terminator (part 1 section 11.4.10.2: "Label ... 00"). */
        const struct sv_bytes parts[] = {sv_bytes(label, strlen(label) + 1), u, v,
                                         sv_bytes(length, 4)};
        const struct round_input in = {alg, parts, 4, &key};

        return derive_key_bytes(&in, out, n, err);
}

int sv_kdfe(enum sv_digest alg, struct sv_bytes z, const char *use, struct sv_bytes u,
            struct sv_bytes v, uint8_t *out, size_t n, struct sv_err *err)
{
        const struct sv_bytes parts[] = {z, sv_bytes(use, strlen(use) + 1), u, v};
        const struct round_input in = {alg, parts, 4, NULL};

        return derive_key_bytes(&in, out, n, err);
}
