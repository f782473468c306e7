/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/teesim/amdpki.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(x)                                                          \
        do {                                                             \
                if (!(x)) {                                              \
                        fprintf(stderr, "%s: %s fails\n", __func__, #x); \
                        ERR_print_errors_fp(stderr);                     \
                        exit(1);                                         \
                }                                                        \
        } while (0)

#define FROM 1577836800 /* 2020-01-01 */
#define TO   2524608000 /* 2050-01-01 */
#define OID  "1.3.6.1.4.1.3704.1."

/* Above the floor of sev/verify/floor.c. */
static const struct amd_product products[] = {
        {"Milan", "Milan-B0", 0x19, 0x01, 1, 64, 0, 4, 0, 28, 219, false},
        {"Genoa", "Genoa", 0x19, 0x11, 1, 64, 0, 10, 0, 27, 86, false},
        {"Turin", "Turin", 0x1a, 0x02, 1, 8, 1, 1, 1, 4, 81, true},
};

const struct amd_product *amd_product(const char *name)
{
        for (size_t i = 0; i < sizeof(products) / sizeof(products[0]); i++)
                if (!strcmp(products[i].name, name))
                        return &products[i];
        return NULL;
}

void amd_tcb(const struct amd_product *p, uint8_t raw[8])
{
        const uint8_t milan[8] = {p->bootloader, p->tee, 0, 0, 0, 0, p->snp, p->microcode};
        const uint8_t turin[8] = {p->fmc, p->bootloader, p->tee, p->snp, 0, 0, 0, p->microcode};

        memcpy(raw, p->turin_tcb ? turin : milan, 8);
}

void amd_hwid(const struct amd_product *p, uint8_t hwid[64])
{
        memset(hwid, 0, 64);
        memset(hwid, 0x5a, p->hwid_size);
}

/* --- certificates --- */

static X509 *certificate(const char *cn, EVP_PKEY *key, X509 *issuer, uint64_t serial)
{
        static const char *const name[][2] = {{"OU", "Engineering"},
                                              {"C", "US"},
                                              {"L", "Santa Clara"},
                                              {"ST", "CA"},
                                              {"O", "Advanced Micro Devices"}};
        X509 *x = X509_new();

        MUST(x && X509_set_version(x, X509_VERSION_3) &&
             ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial));
        for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
                MUST(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), name[i][0], MBSTRING_ASC,
                                                (const unsigned char *)name[i][1], -1, -1, 0));
        MUST(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                        (const unsigned char *)cn, -1, -1, 0));
        MUST(X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)));
        MUST(ASN1_TIME_set(X509_getm_notBefore(x), FROM) &&
             ASN1_TIME_set(X509_getm_notAfter(x), TO));
        MUST(X509_set_pubkey(x, key));
        return x;
}

static void add_known(X509 *x, int nid, const char *value)
{
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

        MUST(e && X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
}

static void add_raw(X509 *x, const char *oid, const void *value, size_t n)
{
        ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
        ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
        X509_EXTENSION *e;

        MUST(obj && data && ASN1_OCTET_STRING_set(data, value, (int)n));
        MUST(e = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, data));
        MUST(X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(data);
        ASN1_OBJECT_free(obj);
}

/* DER INTEGER of 0..255. */
static void add_level(X509 *x, const char *oid, uint8_t level)
{
        const uint8_t der[] = {2, level > 127 ? 2 : 1, level > 127 ? 0 : level, level};

        add_raw(x, oid, der, level > 127 ? 4 : 3);
}

static void add_chip(X509 *x, const struct amd_product *p)
{
        uint8_t name[32] = {0x16, (uint8_t)strlen(p->cert_name)}, hwid[64];

        memcpy(name + 2, p->cert_name, strlen(p->cert_name));
        amd_hwid(p, hwid);
        add_level(x, OID "1", p->turin_tcb);
        add_raw(x, OID "2", name, 2 + strlen(p->cert_name));
        add_level(x, OID "3.1", p->bootloader);
        add_level(x, OID "3.2", p->tee);
        add_level(x, OID "3.3", p->snp);
        if (!p->turin_tcb)
                add_level(x, OID "3.4", 0);
        add_level(x, OID "3.5", 0);
        add_level(x, OID "3.6", 0);
        add_level(x, OID "3.7", 0);
        add_level(x, OID "3.8", p->microcode);
        if (p->turin_tcb)
                add_level(x, OID "3.9", p->fmc);
        add_raw(x, OID "4", hwid, p->hwid_size);
}

/* RSASSA-PSS, SHA-384, salt 48, as AMD signs. */
static EVP_MD_CTX *pss(EVP_PKEY *key)
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *k;

        MUST(ctx && EVP_DigestSignInit(ctx, &k, EVP_sha384(), NULL, key) == 1);
        MUST(EVP_PKEY_CTX_set_rsa_padding(k, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(k, 48) == 1);
        return ctx;
}

static void sign_cert(X509 *x, EVP_PKEY *key)
{
        EVP_MD_CTX *ctx = pss(key);

        MUST(X509_sign_ctx(x, ctx));
        EVP_MD_CTX_free(ctx);
}

EVP_PKEY *amd_p384(void)
{
        EVP_PKEY *k = EVP_EC_gen("P-384");

        MUST(k);
        return k;
}

/* Two keys of 4096 bits take seconds, so a process's first AMD has those that the build made, where
 * the environment names them. A second one is another's: its keys are its own. */
static void make_keys(struct amd_pki *out)
{
        static bool taken;
        const char *path = taken ? NULL : getenv("SV_AMD_KEYS");
        FILE *f = path ? fopen(path, "r") : NULL;

        taken = true;
        MUST(!path || f);
        MUST(out->ark_key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : EVP_RSA_gen(4096));
        MUST(out->ask_key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : EVP_RSA_gen(4096));
        if (f)
                fclose(f);
}

void amd_pki_make(const struct amd_product *p, struct amd_pki *out)
{
        char ark[32], ask[32];

        snprintf(ark, sizeof(ark), "ARK-%s", p->name);
        snprintf(ask, sizeof(ask), "SEV-%s", p->name);
        out->product = p;
        make_keys(out);
        out->vcek_key = amd_p384();
        out->ark = certificate(ark, out->ark_key, NULL, 0x10000);
        add_known(out->ark, NID_basic_constraints, "critical,CA:TRUE");
        add_known(out->ark, NID_key_usage, "critical,keyCertSign,cRLSign");
        sign_cert(out->ark, out->ark_key);
        out->ask = certificate(ask, out->ask_key, out->ark, 0x10001);
        add_known(out->ask, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
        add_known(out->ask, NID_key_usage, "critical,keyCertSign");
        sign_cert(out->ask, out->ark_key);
        out->vcek = certificate("SEV-VCEK", out->vcek_key, out->ask, 0);
        add_chip(out->vcek, p);
        sign_cert(out->vcek, out->ask_key);
}

static FILE *create(const char *dir, const char *name)
{
        char path[4096];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, "w");
        MUST(f);
        return f;
}

/* As AMD's: the ARK's list, of ASKs (VCEKs have no serial number to list). */
static void save_crl(const struct amd_pki *pki, bool revoked, FILE *f)
{
        EVP_MD_CTX *ctx = pss(pki->ark_key);
        X509_CRL *crl = X509_CRL_new();
        ASN1_TIME *t = ASN1_TIME_set(NULL, FROM);

        MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
             X509_CRL_set_issuer_name(crl, X509_get_subject_name(pki->ark)));
        MUST(X509_CRL_set1_lastUpdate(crl, t) && ASN1_TIME_set(t, TO) &&
             X509_CRL_set1_nextUpdate(crl, t));
        if (revoked) {
                X509_REVOKED *r = X509_REVOKED_new();

                MUST(X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(pki->ask)) &&
                     ASN1_TIME_set(t, FROM) && X509_REVOKED_set_revocationDate(r, t));
                MUST(X509_CRL_add0_revoked(crl, r));
        }
        MUST(X509_CRL_sign_ctx(crl, ctx) && i2d_X509_CRL_fp(f, crl) == 1 && fclose(f) == 0);
        ASN1_TIME_free(t);
        X509_CRL_free(crl);
        EVP_MD_CTX_free(ctx);
}

void amd_pki_save(const struct amd_pki *pki, const char *dir)
{
        const struct {
                const char *file;
                X509 *first, *second;
        } pems[] = {{"ark.pem", pki->ark, NULL},
                    {"ask.pem", pki->ask, NULL},
                    {"vcek.pem", pki->vcek, NULL},
                    {"chain.pem", pki->ask, pki->ark}};
        FILE *f;

        for (size_t i = 0; i < sizeof(pems) / sizeof(pems[0]); i++) {
                f = create(dir, pems[i].file);
                MUST(PEM_write_X509(f, pems[i].first) &&
                     (!pems[i].second || PEM_write_X509(f, pems[i].second)) && fclose(f) == 0);
        }
        f = create(dir, "vcek.der");
        MUST(i2d_X509_fp(f, pki->vcek) == 1 && fclose(f) == 0);
        save_crl(pki, false, create(dir, "crl.der"));
        save_crl(pki, true, create(dir, "crl-revoked.der"));
        f = create(dir, "vcek.key");
        MUST(PEM_write_PrivateKey(f, pki->vcek_key, NULL, NULL, 0, NULL, NULL) && fclose(f) == 0);
        f = create(dir, "product");
        MUST(fputs(pki->product->name, f) >= 0 && fclose(f) == 0);
}

void amd_pki_load_signer(const char *dir, struct amd_pki *out)
{
        char path[4096], name[32] = "";
        FILE *f;

        snprintf(path, sizeof(path), "%s/product", dir);
        f = fopen(path, "r");
        MUST(f && fgets(name, sizeof(name), f));
        fclose(f);
        MUST(out->product = amd_product(name));
        snprintf(path, sizeof(path), "%s/vcek.key", dir);
        f = fopen(path, "r");
        MUST(f && (out->vcek_key = PEM_read_PrivateKey(f, NULL, NULL, NULL)));
        fclose(f);
}

void amd_pki_free(struct amd_pki *pki)
{
        EVP_PKEY_free(pki->ark_key);
        EVP_PKEY_free(pki->ask_key);
        EVP_PKEY_free(pki->vcek_key);
        X509_free(pki->ark);
        X509_free(pki->ask);
        X509_free(pki->vcek);
        memset(pki, 0, sizeof(*pki));
}

/* --- signatures and keys in AMD's form --- */

void amd_sign(EVP_PKEY *key, const void *data, size_t n, uint8_t out[AMD_SIGNATURE])
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        unsigned char der[256];
        const unsigned char *p = der;
        size_t size = sizeof(der);
        ECDSA_SIG *sig;

        MUST(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key) == 1 &&
             EVP_DigestSign(ctx, der, &size, data, n) == 1);
        MUST(sig = d2i_ECDSA_SIG(NULL, &p, (long)size));
        memset(out, 0, AMD_SIGNATURE);
        MUST(BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), out, 72) == 72 &&
             BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), out + 72, 72) == 72);
        ECDSA_SIG_free(sig);
        EVP_MD_CTX_free(ctx);
}

void amd_public_key(EVP_PKEY *key, uint8_t out[AMD_KEY])
{
        BIGNUM *x = NULL, *y = NULL;

        memset(out, 0, AMD_KEY);
        out[0] = 2; /* P-384 */
        MUST(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
             EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1);
        MUST(BN_bn2lebinpad(x, out + 4, 72) == 72 && BN_bn2lebinpad(y, out + 76, 72) == 72);
        BN_free(x);
        BN_free(y);
}

void amd_id_block(const struct amd_id *id, EVP_PKEY *key, EVP_PKEY *author,
                  uint8_t block[AMD_ID_BLOCK], uint8_t auth[AMD_ID_AUTH])
{
        memset(block, 0, AMD_ID_BLOCK);
        memcpy(block, id->digest, 48);
        memcpy(block + 48, id->family_id, 16);
        memcpy(block + 64, id->image_id, 16);
        block[80] = 1; /* version */
        for (unsigned i = 0; i < 4; i++)
                block[84 + i] = (uint8_t)(id->guest_svn >> 8 * i);
        for (unsigned i = 0; i < 8; i++)
                block[88 + i] = (uint8_t)(id->policy >> 8 * i);
        memset(auth, 0, AMD_ID_AUTH);
        auth[0] = 1; /* ECDSA P-384 with SHA-384 */
        amd_sign(key, block, AMD_ID_BLOCK, auth + 0x40);
        amd_public_key(key, auth + 0x240);
        if (!author)
                return;
        auth[4] = 1;
        amd_sign(author, auth + 0x240, AMD_KEY, auth + 0x680);
        amd_public_key(author, auth + 0x880);
}
