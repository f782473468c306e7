/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/verify/credential.h"

/* The label goes in with its terminator (part 1, annex B.4). */
static const char identity[] = "IDENTITY";

/* EK Credential Profile 2.5, annex B.3 and B.4: templates L-1, L-2, H-3. Larger RSA keys would need
 * their own row. */
int sv_tpm_ek_profile(const struct sv_key *ek, struct sv_tpm_ek_profile *out, struct sv_err *err)
{
        enum sv_key_type type = sv_key_type(ek);

        if ((type == SV_KEY_RSA && sv_key_bits(ek) == 2048) || type == SV_KEY_P256)
                *out = (struct sv_tpm_ek_profile){SV_SHA256, 128};
        else if (type == SV_KEY_P384)
                *out = (struct sv_tpm_ek_profile){SV_SHA384, 256};
        else
                return sv_fail(err, SV_FORMAT, "vtpm.ek.type",
                               "expected an endorsement key of type RSA 2048, P-256 or P-384 (the "
                               "TCG's default templates)");
        return 0;
}

/* Annex B.10.3 (RSA): the seed is random and travels by OAEP. */
static int seed_by_rsa(const struct sv_key *ek, enum sv_digest alg, struct sv_secret **seed,
                       struct sv_buf *encrypted, struct sv_err *err)
{
        SV_SECRET *s = sv_secret_random(sv_digest_size(alg), err);
        SV_BUF cipher = SV_BUF_NULL;

        if (!s ||
            sv_oaep_encrypt(ek, alg, sv_bytes(identity, sizeof(identity)),
                            sv_bytes(sv_secret_reveal(s), sv_secret_size(s)), &cipher, err) < 0)
                return -1;
        sv_buf_u16be(encrypted, (uint16_t)cipher.n);
        sv_buf_put(encrypted, sv_buf_bytes(&cipher));
        *seed = s;
        s = NULL;
        return 0;
}

/* Annex C.6.3 (ECC): the seed comes from ECDH with a key of the moment, whose public point travels.
 */
static int seed_by_ecc(const struct sv_key *ek, enum sv_digest alg, struct sv_secret **seed,
                       struct sv_buf *encrypted, struct sv_err *err)
{
        SV_KEY *once = sv_key_generate(sv_key_type(ek), 0, err);
        SV_SECRET *z = once ? sv_ecdh(once, ek, err) : NULL;
        SV_SECRET *s = z ? sv_secret_new(sv_digest_size(alg), err) : NULL;
        SV_BUF x = SV_BUF_NULL, y = SV_BUF_NULL, ek_x = SV_BUF_NULL, ek_y = SV_BUF_NULL;

        if (!s || sv_key_ec(once, &x, &y, err) < 0 || sv_key_ec(ek, &ek_x, &ek_y, err) < 0 ||
            sv_kdfe(alg, sv_bytes(sv_secret_reveal(z), sv_secret_size(z)), identity,
                    sv_buf_bytes(&x), sv_buf_bytes(&ek_x), sv_secret_reveal(s), sv_secret_size(s),
                    err) < 0)
                return -1;
        sv_buf_u16be(encrypted, (uint16_t)(2 + x.n + 2 + y.n)); /* TPMS_ECC_POINT */
        sv_buf_u16be(encrypted, (uint16_t)x.n);
        sv_buf_put(encrypted, sv_buf_bytes(&x));
        sv_buf_u16be(encrypted, (uint16_t)y.n);
        sv_buf_put(encrypted, sv_buf_bytes(&y));
        *seed = s;
        s = NULL;
        return 0;
}

/* Section 24.4: encIdentity = AES-CFB(KDFa(seed, "STORAGE", Name), TPM2B(secret)). */
static int encrypt_identity(const struct sv_tpm_ek_profile *profile, struct sv_bytes seed,
                            struct sv_bytes name, struct sv_bytes secret, struct sv_buf *out,
                            struct sv_err *err)
{
        static const uint8_t iv[16];
        SV_SECRET *key = sv_secret_new(profile->aes_bits / 8, err);

        sv_buf_u16be(out, (uint16_t)secret.n);
        sv_buf_put(out, secret);
        if (!key || sv_buf_ok(out, "credential", err) < 0 ||
            sv_kdfa(profile->name_alg, seed, "STORAGE", name, SV_BYTES_NULL, sv_secret_reveal(key),
                    sv_secret_size(key), err) < 0)
                return -1;
        return sv_aes_cfb(sv_bytes(sv_secret_reveal(key), sv_secret_size(key)),
                          sv_bytes(iv, sizeof(iv)), true, out->p, out->n, err);
}

/* Section 24.5: integrityHMAC = HMAC(KDFa(seed, "INTEGRITY"), encIdentity || Name). */
static int protect_identity(const struct sv_tpm_ek_profile *profile, struct sv_bytes seed,
                            struct sv_bytes name, struct sv_bytes enc_identity, uint8_t *hmac,
                            struct sv_err *err)
{
        SV_SECRET *key = sv_secret_new(sv_digest_size(profile->name_alg), err);
        SV_BUF in = SV_BUF_NULL;

        sv_buf_put(&in, enc_identity);
        sv_buf_put(&in, name);
        if (!key || sv_buf_ok(&in, "credential", err) < 0 ||
            sv_kdfa(profile->name_alg, seed, "INTEGRITY", SV_BYTES_NULL, SV_BYTES_NULL,
                    sv_secret_reveal(key), sv_secret_size(key), err) < 0)
                return -1;
        return sv_hmac(profile->name_alg, sv_bytes(sv_secret_reveal(key), sv_secret_size(key)),
                       sv_buf_bytes(&in), hmac, err);
}

int sv_tpm_make_credential(const struct sv_key *ek, const struct sv_tpm_name *name,
                           struct sv_bytes secret, struct sv_buf *blob, struct sv_buf *encrypted,
                           struct sv_err *err)
{
        struct sv_tpm_ek_profile profile;
        SV_SECRET *seed = NULL;
        SV_BUF enc_identity = SV_BUF_NULL, enc_seed = SV_BUF_NULL;
        struct sv_bytes s, n = sv_tpm_name_bytes(name);
        uint8_t hmac[SV_DIGEST_MAX];
        size_t hmac_size;
        int r;

        if (sv_tpm_ek_profile(ek, &profile, err) < 0)
                return -1;
        if (secret.n > sv_digest_size(profile.name_alg))
                return sv_fail(err, SV_USAGE, "vtpm.credential.size",
                               "a credential holds at most %zu bytes, not %zu",
                               sv_digest_size(profile.name_alg), secret.n);
        r = sv_key_type(ek) == SV_KEY_RSA
                    ? seed_by_rsa(ek, profile.name_alg, &seed, &enc_seed, err)
                    : seed_by_ecc(ek, profile.name_alg, &seed, &enc_seed, err);
        if (r < 0)
                return -1;
        s = sv_bytes(sv_secret_reveal(seed), sv_secret_size(seed));
        if (encrypt_identity(&profile, s, n, secret, &enc_identity, err) < 0 ||
            protect_identity(&profile, s, n, sv_buf_bytes(&enc_identity), hmac, err) < 0)
                return -1;
        /* TPM2B_ID_OBJECT of TPMS_ID_OBJECT (part 2, tables 206 and 207) */
        hmac_size = sv_digest_size(profile.name_alg);
        sv_buf_u16be(blob, (uint16_t)(2 + hmac_size + enc_identity.n));
        sv_buf_u16be(blob, (uint16_t)hmac_size);
        sv_buf_put(blob, sv_bytes(hmac, hmac_size));
        sv_buf_put(blob, sv_buf_bytes(&enc_identity));
        sv_buf_put(encrypted, sv_buf_bytes(&enc_seed));
        return sv_buf_ok(blob, "credential", err) < 0 ? -1
                                                      : sv_buf_ok(encrypted, "credential", err);
}
