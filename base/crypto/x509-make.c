/* SPDX-License-Identifier: Apache-2.0 */
/* A self-signed server certificate. Those who connect to it pin its key, so it says little: names,
 * dates, server. */
#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/crypto/crypto-ossl.h"

SV_OSSL_CLEANUP(GENERAL_NAMES, GENERAL_NAMES_free)

static int add_name(GENERAL_NAMES *names, const char *text, struct sv_err *err)
{
        static const char allowed[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
        GENERAL_NAME *gn = GENERAL_NAME_new();
        ASN1_STRING *value;
        uint8_t addr[16];
        size_t n = strlen(text);
        int type = GEN_IPADD, ok;

        if (inet_pton(AF_INET, text, addr) == 1)
                n = 4;
        else if (inet_pton(AF_INET6, text, addr) == 1)
                n = 16;
        else
                type = GEN_DNS;
        if (type == GEN_DNS && (!n || n > 253 || strspn(text, allowed) != n)) {
                GENERAL_NAME_free(gn);
                return sv_fail(err, SV_USAGE, "x509.name",
                               "\"%.64s\" is neither an IP address nor a DNS name", text);
        }
        value = type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
        ok = gn && value &&
             ASN1_STRING_set(value, type == GEN_DNS ? (const void *)text : addr, (int)n) == 1;
        if (ok) {
                GENERAL_NAME_set0_value(gn, type, value);
                value = NULL;
                ok = sk_GENERAL_NAME_push(names, gn) > 0;
        }
        if (ok)
                return 0;
        ASN1_STRING_free(value);
        GENERAL_NAME_free(gn);
        return sv_ossl_fail(err, SV_SYSTEM, "x509.make", "libcrypto does not take the name %s",
                            text);
}

static int add_alt_names(X509 *x, const char *const *names, struct sv_err *err)
{
        SV_OSSL(GENERAL_NAMES_free) GENERAL_NAMES *list = GENERAL_NAMES_new();

        if (!list)
                return sv_ossl_fail(err, SV_SYSTEM, "x509.make", "no memory for names");
        for (; *names; names++)
                if (add_name(list, *names, err) < 0)
                        return -1;
        if (sk_GENERAL_NAME_num(list) &&
            X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) != 1)
                return sv_ossl_fail(err, SV_SYSTEM, "x509.make",
                                    "libcrypto does not write the names");
        return 0;
}

static bool add_name_text(X509 *x, int nid, const char *value)
{
        X509V3_CTX ctx;
        X509_EXTENSION *ext;
        bool ok;

        X509V3_set_ctx_nodb(&ctx);
        X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
        ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        ok = ext && X509_add_ext(x, ext, -1) == 1;
        X509_EXTENSION_free(ext);
        return ok;
}

/* 16 random bytes, positive (RFC 5280 section 4.1.2.2). */
static bool set_random_serial(X509 *x)
{
        uint8_t raw[16];
        BIGNUM *bn = NULL;
        bool ok = sv_random(raw, sizeof(raw), NULL) == 0;

        raw[0] = (raw[0] & 0x7f) | 0x40;
        if (ok)
                bn = BN_bin2bn(raw, sizeof(raw), NULL);
        ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
        BN_free(bn);
        return ok;
}

static const EVP_MD *choose_cert_digest(enum sv_key_type type)
{
        if (type == SV_KEY_ED25519)
                return NULL;
        return type == SV_KEY_P384   ? EVP_sha384()
               : type == SV_KEY_P521 ? EVP_sha512()
                                     : EVP_sha256();
}

struct sv_cert *sv_cert_self_signed(const struct sv_key *key, const char *cn,
                                    const char *const *names, int64_t not_before, int64_t not_after,
                                    struct sv_err *err)
{
        SV_OSSL(X509_free) X509 *x = X509_new();
        X509_NAME *name = x ? X509_get_subject_name(x) : NULL;
        struct sv_cert *c;

        if (!key->is_private) {
                sv_fail(err, SV_FORMAT, "crypto.key.private",
                        "a certificate needs the private part of its key");
                return NULL;
        }
        if (!x || X509_set_version(x, X509_VERSION_3) != 1 || !set_random_serial(x) ||
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1,
                                       0) != 1 ||
            X509_set_issuer_name(x, name) != 1 ||
            !ASN1_TIME_set(X509_getm_notBefore(x), (time_t)not_before) ||
            !ASN1_TIME_set(X509_getm_notAfter(x), (time_t)not_after) ||
            X509_set_pubkey(x, key->pkey) != 1 ||
            !add_name_text(x, NID_basic_constraints, "critical,CA:FALSE") ||
            !add_name_text(x, NID_key_usage, "critical,digitalSignature") ||
            !add_name_text(x, NID_ext_key_usage, "serverAuth") ||
            !add_name_text(x, NID_subject_key_identifier, "hash")) {
                sv_ossl_fail(err, SV_SYSTEM, "x509.make",
                             "libcrypto does not make a certificate for \"%.64s\"", cn);
                return NULL;
        }
        if (names && add_alt_names(x, names, err) < 0)
                return NULL;
        if (X509_sign(x, key->pkey, choose_cert_digest(key->type)) <= 0) {
                sv_ossl_fail(err, SV_SYSTEM, "x509.make", "libcrypto does not sign a certificate");
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
