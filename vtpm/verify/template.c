/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/verify/template.h"

#include "vtpm/verify/credential.h"

#define EK_ATTRIBUTES                                                               \
        (SV_TPMA_FIXED_TPM | SV_TPMA_FIXED_PARENT | SV_TPMA_SENSITIVE_DATA_ORIGIN | \
         SV_TPMA_ADMIN_WITH_POLICY | SV_TPMA_RESTRICTED | SV_TPMA_DECRYPT)

/* PolicyA: TPM2_PolicySecret(TPM_RH_ENDORSEMENT), SHA-256 (annex B.6.2). */
static const uint8_t policy_a_sha256[32] = {
        0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
        0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
        0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa,
};
/* PolicyB: PolicyOR of PolicyA and PolicyC, SHA-384 (annex B.6.3). */
static const uint8_t policy_b_sha384[48] = {
        0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc,
        0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4,
        0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb, 0x47, 0xba, 0x09,
        0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12,
};

/* What all EK templates share. */
static struct sv_tpm_public make_ek_base(unsigned aes_bits)
{
        return (struct sv_tpm_public){
                .attributes = EK_ATTRIBUTES,
                .symmetric = {SV_TPM_ALG_AES, (uint16_t)aes_bits, SV_TPM_ALG_CFB},
                .scheme = {.alg = SV_TPM_ALG_NULL},
                .kdf = {.alg = SV_TPM_ALG_NULL},
        };
}

static int put_rsa_ek(struct sv_buf *out, const struct sv_key *ek, bool filled, struct sv_err *err)
{
        static const uint8_t zeros[256];
        SV_BUF n = SV_BUF_NULL, e = SV_BUF_NULL;
        struct sv_tpm_public p = make_ek_base(128);

        if (sv_key_rsa(ek, &n, &e, err) < 0)
                return -1;
        p.type = SV_TPM_ALG_RSA;
        p.name_alg = SV_TPM_ALG_SHA256;
        p.auth_policy = sv_bytes(policy_a_sha256, sizeof(policy_a_sha256));
        p.bits = 2048;
        p.x = filled ? sv_buf_bytes(&n) : sv_bytes(zeros, sizeof(zeros));
        sv_tpm_put_public2b(out, &p);
        return 0;
}

static int put_ecc_ek(struct sv_buf *out, const struct sv_key *ek, bool filled, struct sv_err *err)
{
        static const uint8_t zeros[32];
        bool low = sv_key_type(ek) == SV_KEY_P256;
        SV_BUF x = SV_BUF_NULL, y = SV_BUF_NULL;
        struct sv_tpm_public p = make_ek_base(low ? 128 : 256);

        if (sv_key_ec(ek, &x, &y, err) < 0)
                return -1;
        p.type = SV_TPM_ALG_ECC;
        p.name_alg = low ? SV_TPM_ALG_SHA256 : SV_TPM_ALG_SHA384;
        p.curve = low ? SV_TPM_ECC_P256 : SV_TPM_ECC_P384;
        p.attributes |= low ? 0 : SV_TPMA_USER_WITH_AUTH;
        p.auth_policy = low ? sv_bytes(policy_a_sha256, sizeof(policy_a_sha256))
                            : sv_bytes(policy_b_sha384, sizeof(policy_b_sha384));
        p.x = p.y = low ? sv_bytes(zeros, sizeof(zeros)) : SV_BYTES_NULL;
        if (filled) {
                p.x = sv_buf_bytes(&x);
                p.y = sv_buf_bytes(&y);
        }
        sv_tpm_put_public2b(out, &p);
        return 0;
}

int sv_tpm_put_ek(struct sv_buf *out, const struct sv_key *ek, bool filled, struct sv_err *err)
{
        struct sv_tpm_ek_profile profile;

        if (sv_tpm_ek_profile(ek, &profile, err) < 0)
                return -1;
        return sv_key_type(ek) == SV_KEY_RSA ? put_rsa_ek(out, ek, filled, err)
                                             : put_ecc_ek(out, ek, filled, err);
}

/* Without noDA each time that the machine is switched off counts as a failed try of its password,
 * which is empty, and after three of them the TPM locks itself out (part 1, section 19.8.3:
 * "daUsed" and a shutdown that was not orderly). */
void sv_tpm_put_ak(struct sv_buf *out)
{
        struct sv_tpm_public p = {
                .type = SV_TPM_ALG_RSA,
                .name_alg = SV_TPM_ALG_SHA256,
                .attributes = SV_TPM_AK_MUST | SV_TPMA_USER_WITH_AUTH | SV_TPMA_NO_DA,
                .symmetric = {.alg = SV_TPM_ALG_NULL},
                .scheme = {SV_TPM_ALG_RSASSA, SV_TPM_ALG_SHA256, 0},
                .bits = 2048,
        };

        sv_tpm_put_public2b(out, &p);
}
