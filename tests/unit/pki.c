/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/pki.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto/crypto-ossl.h"

#define MUST(x)                                                 \
        do {                                                    \
                if (!(x)) {                                     \
                        fprintf(stderr, "pki: %s fails\n", #x); \
                        ERR_print_errors_fp(stderr);            \
                        abort();                                \
                }                                               \
        } while (0)

/* The builder borrows its numbers until it is turned into parameters. */
static BIGNUM *numbers[8];
static size_t n_numbers;

static void push_number(OSSL_PARAM_BLD *bld, const struct sv_json *jwk, const char *member,
                        const char *name)
{
        SV_BUF raw = SV_BUF_NULL;

        if (!sv_json_get(jwk, member))
                return;
        MUST(sv_json_need_b64url(jwk, member, &raw, "pki", NULL) == 0);
        MUST(n_numbers < sizeof(numbers) / sizeof(numbers[0]));
        MUST(numbers[n_numbers] = BN_bin2bn(raw.p, (int)raw.n, NULL));
        MUST(OSSL_PARAM_BLD_push_BN(bld, name, numbers[n_numbers++]));
}

static void push_point(OSSL_PARAM_BLD *bld, const struct sv_json *jwk, struct sv_buf *point)
{
        sv_buf_u8(point, 4);
        MUST(sv_json_need_b64url(jwk, "x", point, "pki", NULL) == 0 &&
             sv_json_need_b64url(jwk, "y", point, "pki", NULL) == 0);
        MUST(OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                             sv_json_str(sv_json_get(jwk, "crv")), 0));
        MUST(OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point->p, point->n));
        push_number(bld, jwk, "d", OSSL_PKEY_PARAM_PRIV_KEY);
}

struct sv_key *pki_private_jwk(const struct sv_json *jwk)
{
        bool ec = !strcmp(sv_json_str(sv_json_get(jwk, "kty")), "EC");
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, ec ? "EC" : "RSA", NULL);
        OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
        SV_BUF point = SV_BUF_NULL;
        OSSL_PARAM *params;
        EVP_PKEY *pkey = NULL;
        struct sv_key *k;

        if (ec) {
                push_point(bld, jwk, &point);
        } else {
                push_number(bld, jwk, "n", OSSL_PKEY_PARAM_RSA_N);
                push_number(bld, jwk, "e", OSSL_PKEY_PARAM_RSA_E);
                push_number(bld, jwk, "d", OSSL_PKEY_PARAM_RSA_D);
                push_number(bld, jwk, "p", OSSL_PKEY_PARAM_RSA_FACTOR1);
                push_number(bld, jwk, "q", OSSL_PKEY_PARAM_RSA_FACTOR2);
                push_number(bld, jwk, "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1);
                push_number(bld, jwk, "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2);
                push_number(bld, jwk, "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
        }
        MUST(params = OSSL_PARAM_BLD_to_param(bld));
        MUST(EVP_PKEY_fromdata_init(ctx) == 1 &&
             EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) == 1);
        OSSL_PARAM_free(params);
        while (n_numbers)
                BN_clear_free(numbers[--n_numbers]);
        OSSL_PARAM_BLD_free(bld);
        EVP_PKEY_CTX_free(ctx);
        k = sv_ossl_key(pkey, sv_json_get(jwk, "d") != NULL, NULL);
        MUST(k);
        return k;
}

static void add_ext(X509 *x, int nid, const char *value)
{
        X509_EXTENSION *ext;

        if (!value)
                return;
        ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
        MUST(ext && X509_add_ext(x, ext, -1));
        X509_EXTENSION_free(ext);
}

static void add_unknown(X509 *x, const char *oid)
{
        ASN1_OBJECT *obj;
        ASN1_OCTET_STRING *data;
        X509_EXTENSION *ext;

        if (!oid)
                return;
        obj = OBJ_txt2obj(oid, 1);
        data = ASN1_OCTET_STRING_new();
        MUST(ASN1_OCTET_STRING_set(data, (const unsigned char *)"\x05\x00", 2));
        MUST(ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 1, data));
        MUST(X509_add_ext(x, ext, -1));
        X509_EXTENSION_free(ext);
        ASN1_OCTET_STRING_free(data);
        ASN1_OBJECT_free(obj);
}

struct sv_cert *pki_cert(const struct pki_spec *spec, const struct sv_key *key,
                         const struct sv_cert *issuer, const struct sv_key *issuer_key)
{
        static long serial;
        X509 *x = X509_new();
        struct sv_cert *c = calloc(1, sizeof(*c));

        MUST(x && c);
        MUST(X509_set_version(x, X509_VERSION_3) &&
             ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial));
        MUST(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                        (const unsigned char *)spec->cn, -1, -1, 0));
        MUST(X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->x509 : x)));
        MUST(ASN1_TIME_set(X509_getm_notBefore(x), spec->not_before ? spec->not_before : PKI_FROM));
        MUST(ASN1_TIME_set(X509_getm_notAfter(x), spec->not_after ? spec->not_after : PKI_TO));
        MUST(X509_set_pubkey(x, key->pkey));
        add_ext(x, NID_basic_constraints, spec->basic);
        add_ext(x, NID_key_usage, spec->usage);
        add_unknown(x, spec->critical);
        MUST(X509_sign(x, (issuer_key ? issuer_key : key)->pkey,
                       spec->sha1 ? EVP_sha1() : EVP_sha256()));
        c->x509 = x;
        return c;
}

/* An extension that no reader needs, of so many bytes. */
static void add_filling(X509_CRL *crl, size_t n)
{
        ASN1_OBJECT *obj = OBJ_txt2obj("1.3.6.1.4.1.99999.8", 1);
        ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
        unsigned char *bytes = calloc(1, n);
        X509_EXTENSION *ext;

        MUST(obj && data && bytes && ASN1_OCTET_STRING_set(data, bytes, (int)n));
        MUST(ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, data));
        MUST(X509_CRL_add_ext(crl, ext, -1));
        X509_EXTENSION_free(ext);
        ASN1_OCTET_STRING_free(data);
        ASN1_OBJECT_free(obj);
        free(bytes);
}

static void make_crl(const struct sv_cert *issuer, const struct sv_key *issuer_key,
                     const struct sv_cert *revoked, int64_t next_update, size_t filling,
                     struct sv_buf *der)
{
        X509_CRL *crl = X509_CRL_new();
        ASN1_TIME *t = ASN1_TIME_set(NULL, PKI_FROM);
        unsigned char *raw = NULL;
        int n;

        MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2));
        MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) &&
             X509_CRL_set1_lastUpdate(crl, t));
        if (revoked) {
                X509_REVOKED *r = X509_REVOKED_new();

                MUST(X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked->x509)) &&
                     X509_REVOKED_set_revocationDate(r, t));
                MUST(X509_CRL_add0_revoked(crl, r));
        }
        MUST(ASN1_TIME_set(t, next_update) && X509_CRL_set1_nextUpdate(crl, t));
        if (filling)
                add_filling(crl, filling);
        MUST(X509_CRL_sort(crl) && X509_CRL_sign(crl, issuer_key->pkey, EVP_sha256()));
        n = i2d_X509_CRL(crl, &raw);
        MUST(n > 0);
        sv_buf_put(der, sv_bytes(raw, (size_t)n));
        OPENSSL_free(raw);
        ASN1_TIME_free(t);
        X509_CRL_free(crl);
}

void pki_crl(const struct sv_cert *issuer, const struct sv_key *issuer_key,
             const struct sv_cert *revoked, int64_t next_update, struct sv_buf *der)
{
        make_crl(issuer, issuer_key, revoked, next_update, 0, der);
}

void pki_crl_of_size(const struct sv_cert *issuer, const struct sv_key *issuer_key, size_t size,
                     struct sv_buf *der)
{
        size_t filling = size / 2;

        /* A signature is one byte longer or shorter by chance. */
        for (int tries = 0; tries < 1000; tries++) {
                sv_buf_clear(der);
                make_crl(issuer, issuer_key, NULL, PKI_TO, filling, der);
                if (der->n == size)
                        return;
                filling += size - der->n;
        }
        abort();
}
