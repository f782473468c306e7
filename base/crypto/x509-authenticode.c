/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto/authenticode.h"

#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/crypto/crypto-ossl.h"

SV_OSSL_CLEANUP(PKCS7, PKCS7_free)
SV_OSSL_CLEANUP(X509_STORE, X509_STORE_free)
SV_OSSL_CLEANUP(X509_SIG, X509_SIG_free)

struct sv_authenticode {
        PKCS7 *p7;
        /* of SpcIndirectDataContent, without tag and length: what is signed */
        struct sv_bytes content;
        enum sv_digest alg;
        struct sv_bytes digest;
};

/* SpcIndirectDataContent: what the digest is of, then DigestInfo. */
static bool read_spc_content(struct sv_authenticode *a, struct sv_bytes der)
{
        const unsigned char *p = der.p, *digest;
        const X509_ALGOR *alg;
        const ASN1_OCTET_STRING *value;
        X509_SIG *info __attribute__((cleanup(X509_SIG_free_p))) = NULL;
        const ASN1_OBJECT *oid;
        long n;
        int tag, class;

        if (ASN1_get_object(&p, &n, &tag, &class, (long)der.n) != V_ASN1_CONSTRUCTED ||
            tag != V_ASN1_SEQUENCE || p + n != der.p + der.n)
                return false;
        a->content = sv_bytes(p, (size_t)n);
        if (ASN1_get_object(&p, &n, &tag, &class, n) & 0x80 || p + n > der.p + der.n)
                return false;
        p += n;
        digest = p;
        info = d2i_X509_SIG(NULL, &p, (long)(der.p + der.n - digest));
        if (!info || p != der.p + der.n)
                return false;
        X509_SIG_get0(info, &alg, &value);
        X509_ALGOR_get0(&oid, NULL, NULL, alg);
        switch (OBJ_obj2nid(oid)) {
        case NID_sha256:
                a->alg = SV_SHA256;
                break;
        case NID_sha384:
                a->alg = SV_SHA384;
                break;
        case NID_sha512:
                a->alg = SV_SHA512;
                break;
        default:
                return false;
        }
        /* The value is the last thing in the content. */
        n = ASN1_STRING_length(value);
        if ((size_t)n != sv_digest_size(a->alg) || (size_t)n > a->content.n)
                return false;
        a->digest = sv_bytes(a->content.p + a->content.n - n, (size_t)n);
        return true;
}

struct sv_authenticode *sv_authenticode_read(struct sv_bytes pkcs7, const char *check,
                                             struct sv_err *err)
{
        const unsigned char *p = pkcs7.p;
        SV_AUTHENTICODE *a = calloc(1, sizeof(*a));
        struct sv_authenticode *out;
        const ASN1_TYPE *other;
        char oid[64] = "";

        if (!a) {
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a signature");
                return NULL;
        }
        a->p7 = d2i_PKCS7(NULL, &p, pkcs7.n > INT32_MAX ? 0 : (long)pkcs7.n);
        if (!a->p7 || !PKCS7_type_is_signed(a->p7) || !a->p7->d.sign || !a->p7->d.sign->contents) {
                sv_ossl_fail(err, SV_FORMAT, check, "a PKCS #7 SignedData was expected");
                return NULL;
        }
        OBJ_obj2txt(oid, sizeof(oid), a->p7->d.sign->contents->type, 1);
        other = strcmp(oid, "1.3.6.1.4.1.311.2.1.4") == 0 ? a->p7->d.sign->contents->d.other : NULL;
        if (!other || other->type != V_ASN1_SEQUENCE ||
            !read_spc_content(a, sv_bytes(other->value.sequence->data,
                                          (size_t)other->value.sequence->length))) {
                sv_ossl_fail(err, SV_FORMAT, check,
                             "SpcIndirectDataContent over a SHA-2 digest was expected");
                return NULL;
        }
        out = a;
        a = NULL;
        return out;
}

void sv_authenticode_free(struct sv_authenticode *a)
{
        if (!a)
                return;
        PKCS7_free(a->p7);
        free(a);
}

void sv_authenticode_freep(struct sv_authenticode **a)
{
        sv_authenticode_free(*a);
}

enum sv_digest sv_authenticode_digest(const struct sv_authenticode *a, struct sv_bytes *value)
{
        *value = a->digest;
        return a->alg;
}

bool sv_authenticode_chains(const struct sv_authenticode *a, struct sv_bytes cert)
{
        const unsigned char *p = cert.p;
        X509 *x509 __attribute__((cleanup(X509_free_p))) =
                d2i_X509(NULL, &p, cert.n > INT32_MAX ? 0 : (long)cert.n);
        X509_STORE *store __attribute__((cleanup(X509_STORE_free_p))) = X509_STORE_new();
        BIO *content __attribute__((cleanup(BIO_free_all_p))) =
                BIO_new_mem_buf(a->content.p, (int)a->content.n);
        bool ok = false;

        if (x509 && store && content && X509_STORE_add_cert(store, x509)) {
                X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
                X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
                ok = PKCS7_verify(a->p7, NULL, store, content, NULL, PKCS7_BINARY) == 1;
        }
        ERR_clear_error();
        return ok;
}

void sv_authenticode_signer(const struct sv_authenticode *a, char out[256])
{
        STACK_OF(X509) *signers = PKCS7_get0_signers(a->p7, NULL, 0);

        out[0] = '\0';
        if (signers && sk_X509_num(signers) > 0)
                X509_NAME_get_text_by_NID(X509_get_subject_name(sk_X509_value(signers, 0)),
                                          NID_commonName, out, 256);
        sk_X509_free(signers);
        ERR_clear_error();
}
