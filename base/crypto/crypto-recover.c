/* SPDX-License-Identifier: Apache-2.0 */
/* The public key that makes a chosen signature hold (SEC 1 v2, section 4.1.6), on P-384 with
 * SHA-384: for a signature that no private key made. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "base/crypto/crypto-ossl.h"

#define SIZE 48

SV_OSSL_CLEANUP(BIGNUM, BN_free)
SV_OSSL_CLEANUP(BN_CTX, BN_CTX_free)
SV_OSSL_CLEANUP(EC_GROUP, EC_GROUP_free)
SV_OSSL_CLEANUP(EC_POINT, EC_POINT_free)

struct recover {
        EC_GROUP *group;
        BN_CTX *ctx;
        BIGNUM *r, *s, *e; /* e: the digest, as long as the curve's order */
};

/* Q = r^-1 (s R - e G), with R = (r, y) and the y of this parity; x || y into out. */
static bool recover_candidate(const struct recover *c, int odd, uint8_t out[2 * SIZE])
{
        SV_OSSL(EC_POINT_free) EC_POINT *point = EC_POINT_new(c->group);
        SV_OSSL(BN_free) BIGNUM *inverse = BN_new();
        SV_OSSL(BN_free) BIGNUM *u1 = BN_new();
        SV_OSSL(BN_free) BIGNUM *u2 = BN_new();
        SV_OSSL(BN_free) BIGNUM *x = BN_new();
        SV_OSSL(BN_free) BIGNUM *y = BN_new();
        const BIGNUM *n = EC_GROUP_get0_order(c->group);

        if (!point || !inverse || !u1 || !u2 || !x || !y)
                return false;
        return EC_POINT_set_compressed_coordinates(c->group, point, c->r, odd, c->ctx) == 1 &&
               BN_mod_inverse(inverse, c->r, n, c->ctx) &&
               BN_mod_mul(u2, c->s, inverse, n, c->ctx) == 1 &&
               BN_mod_mul(u1, c->e, inverse, n, c->ctx) == 1 &&
               (BN_is_zero(u1) || BN_sub(u1, n, u1) == 1) &&
               EC_POINT_mul(c->group, point, u1, point, u2, c->ctx) == 1 &&
               EC_POINT_get_affine_coordinates(c->group, point, x, y, c->ctx) == 1 &&
               BN_bn2binpad(x, out, SIZE) == SIZE && BN_bn2binpad(y, out + SIZE, SIZE) == SIZE;
}

/* Numbers of one size, big endian: the first byte that differs decides. */
static bool is_number_below(const uint8_t *a, const uint8_t *b, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (a[i] != b[i])
                        return a[i] < b[i];
        return false;
}

struct sv_key *sv_key_recover_p384(struct sv_bytes msg, struct sv_bytes sig, struct sv_err *err)
{
        SV_OSSL(EC_GROUP_free) EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_secp384r1);
        SV_OSSL(BN_CTX_free) BN_CTX *ctx = BN_CTX_new();
        SV_OSSL(BN_free) BIGNUM *r = BN_new();
        SV_OSSL(BN_free) BIGNUM *s = BN_new();
        SV_OSSL(BN_free) BIGNUM *e = BN_new();
        struct recover c = {group, ctx, r, s, e};
        uint8_t digest[SIZE], even[2 * SIZE], odd[2 * SIZE];
        const uint8_t *least;

        if (sig.n != 2 * SIZE) {
                sv_fail(err, SV_USAGE, "crypto.recover",
                        "a P-384 signature has %d bytes, this has %zu", 2 * SIZE, sig.n);
                return NULL;
        }
        if (sv_digest(SV_SHA384, msg, digest, err) < 0)
                return NULL;
        if (!group || !ctx || !r || !s || !e || !BN_bin2bn(sig.p, SIZE, r) ||
            !BN_bin2bn(sig.p + SIZE, SIZE, s) || !BN_bin2bn(digest, SIZE, e) ||
            BN_mod(e, e, EC_GROUP_get0_order(group), ctx) != 1 || BN_is_zero(r) ||
            !recover_candidate(&c, 0, even) || !recover_candidate(&c, 1, odd)) {
                sv_ossl_fail(err, SV_FORMAT, "crypto.recover",
                             "no public key makes this signature hold");
                return NULL;
        }
        least = is_number_below(odd, even, 2 * SIZE) ? odd : even;
        return sv_key_from_ec(SV_KEY_P384, sv_bytes(least, SIZE), sv_bytes(least + SIZE, SIZE),
                              err);
}
