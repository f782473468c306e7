/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: taken in, looked at. Chains are in x509-verify.c, making one in x509-make.c. */
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "base/crypto/crypto-ossl.h"
#include "base/core/limits.h"

SV_OSSL_CLEANUP(ASN1_OBJECT, ASN1_OBJECT_free)
SV_OSSL_CLEANUP(X509_CRL, X509_CRL_free)

struct sv_cert *sv_cert_from_der(struct sv_bytes der, const char *check, struct sv_err *err)
{
        SV_OSSL(X509_free) X509 *x = NULL;
        const uint8_t *p = der.p;
        struct sv_cert *c;

        x = der.n && der.n <= SV_PEM_SIZE_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
        if (!x) {
                sv_ossl_fail(err, SV_FORMAT, check, "%zu bytes are no DER certificate", der.n);
                return NULL;
        }
        if (p != der.p + der.n) {
                sv_fail(err, SV_FORMAT, check, "%zu bytes follow the DER certificate",
                        (size_t)(der.p + der.n - p));
                return NULL;
        }
        c = calloc(1, sizeof(*c));
        if (!c) {
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a certificate");
                return NULL;
        }
        c->x509 = x;
        x = NULL;
        return c;
}

int sv_certs_add(struct sv_certs *certs, struct sv_cert *cert, struct sv_err *err)
{
        struct sv_cert **grown = reallocarray(certs->list, certs->n + 1, sizeof(*grown));

        if (!grown) {
                sv_cert_free(cert);
                return sv_fail(err, SV_SYSTEM, "base.memory",
                               "no memory for a list of certificates");
        }
        certs->list = grown;
        certs->list[certs->n++] = cert;
        return 0;
}

bool sv_certs_have(const struct sv_certs *certs, const struct sv_cert *cert)
{
        for (size_t i = 0; certs && i < certs->n; i++)
                if (X509_cmp(certs->list[i]->x509, cert->x509) == 0)
                        return true;
        return false;
}

/* What is done with each certificate. */
typedef int each_der(void *context, struct sv_bytes der, const char *check, struct sv_err *err);

static int add_cert_der(void *certs, struct sv_bytes der, const char *check, struct sv_err *err)
{
        struct sv_cert *c = sv_cert_from_der(der, check, err);

        return c ? sv_certs_add(certs, c, err) : -1;
}

static int walk_certs_pem(struct sv_bytes pem, each_der *each, void *context, const char *check,
                          struct sv_err *err)
{
        SV_OSSL(BIO_free_all) BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
        size_t found = 0;
        int r = 0;

        while (in && r == 0) {
                char *name = NULL, *header = NULL;
                unsigned char *data = NULL;
                long n = 0;

                if (PEM_read_bio(in, &name, &header, &data, &n) != 1) {
                        if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
                                return sv_ossl_fail(err, SV_FORMAT, check,
                                                    "a PEM block is damaged");
                        ERR_clear_error();
                        break;
                }
                /* a key in the same file is none of our business */
                if (!strcmp(name, PEM_STRING_X509)) {
                        r = each(context, sv_bytes(data, (size_t)n), check, err);
                        found++;
                }
                OPENSSL_free(name);
                OPENSSL_free(header);
                OPENSSL_clear_free(data, (size_t)n);
        }
        if (r == 0 && !found)
                return sv_fail(err, SV_FORMAT, check,
                               "no certificate, neither DER nor PEM, in %zu bytes", pem.n);
        return r;
}

static int walk_certs(struct sv_bytes pem_or_der, each_der *each, void *context, const char *check,
                      struct sv_err *err)
{
        if (!pem_or_der.n || pem_or_der.n > SV_PEM_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, check, "%zu bytes of certificates, expected 1 to %u",
                               pem_or_der.n, SV_PEM_SIZE_MAX);
        if (pem_or_der.p[0] == 0x30) /* SEQUENCE */
                return each(context, pem_or_der, check, err);
        return walk_certs_pem(pem_or_der, each, context, check, err);
}

int sv_certs_parse(struct sv_bytes pem_or_der, struct sv_certs *out, const char *check,
                   struct sv_err *err)
{
        size_t before = out->n;
        int r = walk_certs(pem_or_der, add_cert_der, out, check, err);

        while (r < 0 && out->n > before)
                sv_cert_free(out->list[--out->n]);
        return r;
}

struct naming {
        const char *sha256;
        bool found;
};

static int compare_der(void *context, struct sv_bytes der, const char *check, struct sv_err *err)
{
        struct naming *n = context;
        char hex[65];

        (void)check;
        if (sv_sha256_hex(der, hex, err) < 0)
                return -1;
        n->found |= n->sha256 && !strcmp(hex, n->sha256);
        return 0;
}

int sv_certs_name(struct sv_bytes pem_or_der, const char *sha256, bool *found, const char *check,
                  struct sv_err *err)
{
        struct naming n = {sha256, false};

        if (walk_certs(pem_or_der, compare_der, &n, check, err) < 0)
                return -1;
        *found |= n.found;
        return 0;
}

void sv_certs_free(struct sv_certs *certs)
{
        for (size_t i = 0; i < certs->n; i++)
                sv_cert_free(certs->list[i]);
        free(certs->list);
        *certs = (struct sv_certs){NULL, 0};
}

void sv_cert_free(struct sv_cert *c)
{
        if (!c)
                return;
        X509_free(c->x509);
        free(c);
}

void sv_cert_freep(struct sv_cert **c)
{
        sv_cert_free(*c);
        *c = NULL;
}

int sv_cert_der(const struct sv_cert *c, struct sv_buf *der, struct sv_err *err)
{
        uint8_t *raw = NULL;
        int n = i2d_X509(c->x509, &raw);

        if (n <= 0)
                return sv_ossl_fail(err, SV_SYSTEM, "x509.form",
                                    "libcrypto does not write the certificate");
        sv_buf_put(der, sv_bytes(raw, (size_t)n));
        OPENSSL_free(raw);
        return sv_buf_ok(der, "a certificate", err);
}

int sv_cert_pem(const struct sv_cert *c, struct sv_buf *pem, struct sv_err *err)
{
        SV_OSSL(BIO_free_all) BIO *out = BIO_new(BIO_s_mem());
        char *text;
        long n;

        if (!out || PEM_write_bio_X509(out, c->x509) != 1)
                return sv_ossl_fail(err, SV_SYSTEM, "x509.form",
                                    "libcrypto does not write the certificate");
        n = BIO_get_mem_data(out, &text);
        sv_buf_put(pem, sv_bytes(text, (size_t)n));
        return sv_buf_ok(pem, "a certificate", err);
}

struct sv_key *sv_cert_key(const struct sv_cert *c, struct sv_err *err)
{
        EVP_PKEY *pkey = X509_get_pubkey(c->x509);

        if (!pkey) {
                sv_ossl_fail(err, SV_FORMAT, "crypto.key.form",
                             "the certificate's key is of no type known here");
                return NULL;
        }
        return sv_ossl_key(pkey, false, err);
}

static void get_first_cn(const X509_NAME *name, char out[256])
{
        int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
        unsigned char *utf8 = NULL;
        int n;

        out[0] = 0;
        if (at < 0)
                return;
        n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
        /* A name with a NUL inside is an attempt to be read as a shorter one. */
        if (n > 0 && n < 256 && !memchr(utf8, 0, (size_t)n)) {
                memcpy(out, utf8, (size_t)n);
                out[n] = 0;
        }
        OPENSSL_free(utf8);
        ERR_clear_error();
}

void sv_cert_subject_cn(const struct sv_cert *c, char out[256])
{
        get_first_cn(X509_get_subject_name(c->x509), out);
}

void sv_cert_issuer_cn(const struct sv_cert *c, char out[256])
{
        get_first_cn(X509_get_issuer_name(c->x509), out);
}

void sv_cert_fingerprint(const struct sv_cert *c, uint8_t sha256[32])
{
        if (X509_digest(c->x509, EVP_sha256(), sha256, NULL) != 1)
                memset(sha256, 0, 32); /* without memory: no certificate's, so nothing trusts it */
}

static int64_t get_asn1_seconds(const ASN1_TIME *t, int64_t otherwise)
{
        struct tm tm;

        if (ASN1_TIME_to_tm(t, &tm) != 1)
                return otherwise;
        return (int64_t)timegm(&tm);
}

int sv_crl_from_pem(struct sv_bytes text, struct sv_buf *der, const char *check, struct sv_err *err)
{
        SV_OSSL(X509_CRL_free) X509_CRL *crl = NULL;
        SV_OSSL(BIO_free_all) BIO *in = NULL;
        unsigned char *out = NULL;
        int n;

        in = text.n && text.n <= SV_PEM_SIZE_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
        crl = in ? PEM_read_bio_X509_CRL(in, NULL, NULL, NULL) : NULL;
        n = crl && !BIO_pending(in) ? i2d_X509_CRL(crl, &out) : -1;
        if (n < 0)
                return sv_ossl_fail(err, SV_FORMAT, check,
                                    "%zu bytes of text are not one PEM certificate revocation list",
                                    text.n);
        sv_buf_put(der, sv_bytes(out, (size_t)n));
        OPENSSL_free(out);
        return sv_buf_ok(der, "a revocation list", err);
}

int sv_crl_read(struct sv_bytes der, struct sv_crl *out, const char *check, struct sv_err *err)
{
        SV_OSSL(X509_CRL_free) X509_CRL *crl = NULL;
        const uint8_t *p = der.p;
        STACK_OF(X509_REVOKED) * revoked;

        crl = der.n && der.n <= SV_PEM_SIZE_MAX ? d2i_X509_CRL(NULL, &p, (long)der.n) : NULL;
        if (!crl || p != der.p + der.n)
                return sv_ossl_fail(err, SV_FORMAT, check,
                                    "%zu bytes are no DER certificate revocation list", der.n);
        get_first_cn(X509_CRL_get_issuer(crl), out->issuer);
        out->this_update = get_asn1_seconds(X509_CRL_get0_lastUpdate(crl), INT64_MAX);
        out->next_update = X509_CRL_get0_nextUpdate(crl)
                                   ? get_asn1_seconds(X509_CRL_get0_nextUpdate(crl), INT64_MIN)
                                   : INT64_MIN;
        revoked = X509_CRL_get_REVOKED(crl);
        out->revoked = revoked ? (size_t)sk_X509_REVOKED_num(revoked) : 0;
        return 0;
}

int sv_crl_next_update(struct sv_bytes der, int64_t *next_update, const char *check,
                       struct sv_err *err)
{
        struct sv_crl crl;

        if (sv_crl_read(der, &crl, check, err) < 0)
                return -1;
        if (crl.next_update == INT64_MIN)
                return sv_fail(
                        err, SV_FORMAT, check,
                        "the certificate revocation list does not say when the next one comes");
        *next_update = crl.next_update;
        return 0;
}

void sv_cert_validity(const struct sv_cert *c, int64_t *not_before, int64_t *not_after)
{
        /* A date that cannot be read is never valid. */
        *not_before = get_asn1_seconds(X509_get0_notBefore(c->x509), INT64_MAX);
        *not_after = get_asn1_seconds(X509_get0_notAfter(c->x509), INT64_MIN);
}

bool sv_cert_ext(const struct sv_cert *c, const char *oid, struct sv_bytes *value)
{
        SV_OSSL(ASN1_OBJECT_free) ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
        const ASN1_OCTET_STRING *data;
        int at = obj ? X509_get_ext_by_OBJ(c->x509, obj, -1) : -1;

        /* RFC 5280 section 4.2: not more than one instance. With two, it is not defined which one
         * counts. */
        if (at < 0 || X509_get_ext_by_OBJ(c->x509, obj, at) >= 0)
                return false;
        data = X509_EXTENSION_get_data(X509_get_ext(c->x509, at));
        *value = sv_bytes(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data));
        return true;
}

bool sv_cert_has_eku(const struct sv_cert *c, const char *oid)
{
        SV_OSSL(ASN1_OBJECT_free) ASN1_OBJECT *want = OBJ_txt2obj(oid, 1);
        EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(c->x509, NID_ext_key_usage, NULL, NULL);
        bool found = false;

        for (int i = 0; want && i < sk_ASN1_OBJECT_num(eku); i++)
                found |= OBJ_cmp(sk_ASN1_OBJECT_value(eku, i), want) == 0;
        EXTENDED_KEY_USAGE_free(eku);
        ERR_clear_error();
        return found;
}

static bool is_digest_algor(const X509_ALGOR *a, enum sv_digest alg)
{
        return a && OBJ_obj2nid(a->algorithm) == EVP_MD_get_type(sv_ossl_md(alg));
}

/* RFC 4055 section 3.1; the mask function's own digest is inside its parameters. */
static bool is_pss_with(const RSA_PSS_PARAMS *pss, enum sv_digest alg)
{
        const X509_ALGOR *mask = pss->maskGenAlgorithm;
        X509_ALGOR *inner;
        bool ok;

        if (!mask || OBJ_obj2nid(mask->algorithm) != NID_mgf1 ||
            !is_digest_algor(pss->hashAlgorithm, alg) || !pss->saltLength)
                return false;
        inner = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), mask->parameter);
        ok = is_digest_algor(inner, alg) &&
             ASN1_INTEGER_get(pss->saltLength) == (long)sv_digest_size(alg);
        X509_ALGOR_free(inner);
        return ok;
}

bool sv_cert_is_pss(const struct sv_cert *c, enum sv_digest alg)
{
        const X509_ALGOR *sig;
        RSA_PSS_PARAMS *pss;
        bool ok;

        X509_get0_signature(NULL, &sig, c->x509);
        if (OBJ_obj2nid(sig->algorithm) != NID_rsassaPss)
                return false;
        pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), sig->parameter);
        ok = pss && is_pss_with(pss, alg);
        RSA_PSS_PARAMS_free(pss);
        return ok;
}

int sv_cert_self_issued(const struct sv_cert *c, const char *check, struct sv_err *err)
{
        SV_OSSL(EVP_PKEY_free) EVP_PKEY *key = X509_get_pubkey(c->x509);

        if (X509_NAME_cmp(X509_get_subject_name(c->x509), X509_get_issuer_name(c->x509)) == 0 &&
            key && X509_verify(c->x509, key) == 1)
                return 0;
        return sv_ossl_fail(err, SV_PROOF, check,
                            "the certificate did not sign itself, as a root does");
}
