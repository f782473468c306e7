/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: what AMD and a guest's owner sign, made with generated keys. Formats: AMD 56860
 * (report, ID block, ID authentication), AMD 57230 (certificates). Every function ends the program
 * when it cannot do its part. */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        AMD_REPORT = 1184,
        AMD_ID_BLOCK = 96,
        AMD_ID_AUTH = 4096,
        AMD_KEY = 0x404,
        AMD_SIGNATURE = 512
};

struct amd_product {
        const char *name, *cert_name; /* "Milan", "Milan-B0" */
        uint8_t family, model, stepping;
        size_t hwid_size;
        uint8_t fmc, bootloader, tee, snp, microcode; /* the TCB that the test platform has */
        bool turin_tcb;
};
const struct amd_product *amd_product(const char *name); /* NULL: unknown */
void amd_tcb(const struct amd_product *p, uint8_t raw[8]);
void amd_hwid(const struct amd_product *p, uint8_t hwid[64]); /* zero past hwid_size */

struct amd_pki {
        const struct amd_product *product;
        EVP_PKEY *ark_key, *ask_key, *vcek_key;
        X509 *ark, *ask, *vcek;
};
void amd_pki_make(const struct amd_product *product, struct amd_pki *out);
/* Files of a folder: ark.pem, ask.pem, vcek.pem, vcek.der, chain.pem (ASK, ARK), crl.der,
 * crl-revoked.der (names the ASK), vcek.key, product. */
void amd_pki_save(const struct amd_pki *pki, const char *dir);
void amd_pki_load_signer(const char *dir, struct amd_pki *out); /* product and vcek_key */
void amd_pki_free(struct amd_pki *pki);

EVP_PKEY *amd_p384(void);
/* R and S, little endian, 72 bytes each, then zeros. */
void amd_sign(EVP_PKEY *key, const void *data, size_t n, uint8_t out[AMD_SIGNATURE]);
void amd_public_key(EVP_PKEY *key, uint8_t out[AMD_KEY]);

struct amd_id {
        uint8_t digest[48];
        uint64_t policy;
        uint8_t family_id[16], image_id[16];
        uint32_t guest_svn;
};
/* author NULL: none. */
void amd_id_block(const struct amd_id *id, EVP_PKEY *key, EVP_PKEY *author,
                  uint8_t block[AMD_ID_BLOCK], uint8_t auth[AMD_ID_AUTH]);
