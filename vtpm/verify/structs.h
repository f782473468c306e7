/* SPDX-License-Identifier: Apache-2.0 */
/* The few TPM 2.0 structures that attestation needs, read and written by the tables of the TPM 2.0
 * Library, Part 2 (rev. 1.59). Pure, our own: the verifier links no TPM stack. Views (struct
 * sv_bytes) point into the bytes that were parsed. */
#pragma once

#include "base/crypto/crypto.h"

/* Table 9, TPM_ALG_ID. */
enum {
        SV_TPM_ALG_RSA = 0x0001,
        SV_TPM_ALG_SHA1 = 0x0004,
        SV_TPM_ALG_AES = 0x0006,
        SV_TPM_ALG_SHA256 = 0x000b,
        SV_TPM_ALG_SHA384 = 0x000c,
        SV_TPM_ALG_SHA512 = 0x000d,
        SV_TPM_ALG_NULL = 0x0010,
        SV_TPM_ALG_RSASSA = 0x0014,
        SV_TPM_ALG_RSAES = 0x0015,
        SV_TPM_ALG_RSAPSS = 0x0016,
        SV_TPM_ALG_ECDSA = 0x0018,
        SV_TPM_ALG_ECDAA = 0x001a,
        SV_TPM_ALG_ECC = 0x0023,
        SV_TPM_ALG_CFB = 0x0043,
};

/* Table 10, TPM_ECC_CURVE. */
enum { SV_TPM_ECC_P256 = 0x0003, SV_TPM_ECC_P384 = 0x0004, SV_TPM_ECC_P521 = 0x0005 };

/* Table 31, TPMA_OBJECT. */
#define SV_TPMA_FIXED_TPM             (1u << 1)
#define SV_TPMA_FIXED_PARENT          (1u << 4)
#define SV_TPMA_SENSITIVE_DATA_ORIGIN (1u << 5)
#define SV_TPMA_USER_WITH_AUTH        (1u << 6)
#define SV_TPMA_ADMIN_WITH_POLICY     (1u << 7)
#define SV_TPMA_NO_DA                 (1u << 10)
#define SV_TPMA_RESTRICTED            (1u << 16)
#define SV_TPMA_DECRYPT               (1u << 17)
#define SV_TPMA_SIGN                  (1u << 18)

#define SV_TPM_RH_OWNER       0x40000001u /* Table 28, TPM_RH */
#define SV_TPM_RH_ENDORSEMENT 0x4000000bu

#define SV_TPM_GENERATED       0xff544347u /* Table 7 */
#define SV_TPM_ST_ATTEST_QUOTE 0x8018      /* Table 19, TPM_ST */

#define SV_TPM_PCRS       24 /* PCRs of a PC Client TPM */
#define SV_TPM_NAME_MAX   66 /* nameAlg and a SHA-512 digest */
/* TPML_PCR_SELECTION entries that we read: one for each bank there is */
#define SV_TPM_SELECT_MAX 8

/* Tables 186 and 193 to 201: TPMT_PUBLIC of an RSA or ECC key. */
struct sv_tpm_public {
        uint16_t type;
        uint16_t name_alg;
        uint32_t attributes;
        struct sv_bytes auth_policy;
        struct { /* TPMT_SYM_DEF_OBJECT */
                uint16_t alg;
                uint16_t bits;
                uint16_t mode;
        } symmetric;
        struct { /* TPMT_RSA_SCHEME, TPMT_ECC_SCHEME */
                uint16_t alg;
                uint16_t hash;
                uint16_t count;
        } scheme;
        uint16_t bits;     /* RSA */
        uint32_t exponent; /* RSA; 0 means 65537 */
        uint16_t curve;    /* ECC */
        struct {           /* ECC: TPMT_KDF_SCHEME */
                uint16_t alg;
                uint16_t hash;
        } kdf;
        struct sv_bytes x; /* RSA: the modulus */
        struct sv_bytes y; /* ECC */
};

/* Table 102, TPMS_PCR_SELECTION. */
struct sv_tpm_selection {
        uint16_t hash;
        struct sv_bytes bitmap; /* PCR i is bit i % 8 of byte i / 8 */
};

/* Tables 118, 119 and 127: TPMS_ATTEST of a quote. */
struct sv_tpm_quote {
        struct sv_bytes signer; /* qualifiedSigner */
        struct sv_bytes extra_data;
        uint64_t clock;
        uint32_t reset_count;
        uint32_t restart_count;
        bool safe;
        uint64_t firmware_version;
        struct sv_tpm_selection select[SV_TPM_SELECT_MAX];
        uint32_t n_select;
        struct sv_bytes pcr_digest;
};

/* Table 188, TPMT_SIGNATURE, of the schemes that sign quotes. */
struct sv_tpm_signature {
        uint16_t alg;
        uint16_t hash;
        struct sv_bytes r; /* RSA: the signature */
        struct sv_bytes s; /* ECDSA */
};

/* All of these read the whole input; class SV_FORMAT, checks vtpm.public.*, vtpm.quote.*,
 * vtpm.signature.*. */
/* TPM2B_PUBLIC */
int sv_tpm_read_public2b(struct sv_bytes tpm2b, struct sv_tpm_public *out, struct sv_err *err);
int sv_tpm_read_quote(struct sv_bytes tpms_attest, struct sv_tpm_quote *out, struct sv_err *err);
int sv_tpm_read_signature(struct sv_bytes tpmt, struct sv_tpm_signature *out, struct sv_err *err);

void sv_tpm_put_public2b(struct sv_buf *out, const struct sv_tpm_public *pub);

/* SV_TPM_ALG_SHA256 to SV_SHA256; 0 for algorithms that we do not know. SHA-1 is known here; who
 * trusts must refuse it. */
enum sv_digest sv_tpm_digest(uint16_t alg);
uint16_t sv_tpm_alg(enum sv_digest digest);

/* Part 1, section 16: Name = nameAlg || H(TPMT_PUBLIC). */
struct sv_tpm_name {
        uint8_t p[SV_TPM_NAME_MAX];
        size_t n;
};
int sv_tpm_name(struct sv_bytes tpm2b_public, struct sv_tpm_name *out, struct sv_err *err);
/* Part 1, section 26.5: Qualified Name = nameAlg || H(QN of the parent || Name); the QN of a
 * hierarchy is its handle. */
int sv_tpm_qualified_name(struct sv_bytes parent, const struct sv_tpm_name *name,
                          struct sv_tpm_name *out, struct sv_err *err);

/* The key in a form that verifies. SV_FORMAT vtpm.public.*. */
struct sv_key *sv_tpm_public_key(const struct sv_tpm_public *pub, struct sv_err *err);

static inline struct sv_bytes sv_tpm_name_bytes(const struct sv_tpm_name *n)
{
        return sv_bytes(n->p, n->n);
}
