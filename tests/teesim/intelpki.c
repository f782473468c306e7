/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/teesim/intelpki.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/buf.h"

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

enum { SERIAL_ROOT = 1, SERIAL_CA, SERIAL_PCK, SERIAL_TCB };

const uint8_t intel_components[16] = {7, 7, 2, 2, 4, 1, 0, 5};

/* --- the SGX extension of a PCK certificate --- */

static void put_tlv(struct sv_buf *b, uint8_t tag, struct sv_bytes value)
{
        sv_buf_u8(b, tag);
        if (value.n > 127) {
                sv_buf_u8(b, 0x82);
                sv_buf_u16be(b, (uint16_t)value.n);
        } else {
                sv_buf_u8(b, (uint8_t)value.n);
        }
        sv_buf_put(b, value);
}

/* SEQUENCE {OID 1.2.840.113741.1.13.1.<arcs>, value}. */
static void put_member(struct sv_buf *b, const uint8_t *arcs, size_t n, uint8_t tag,
                       const void *value, size_t size)
{
        static const uint8_t sgx[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};
        SV_BUF oid = SV_BUF_NULL, pair = SV_BUF_NULL;

        sv_buf_put(&oid, sv_bytes(sgx, sizeof(sgx)));
        sv_buf_put(&oid, sv_bytes(arcs, n));
        put_tlv(&pair, 0x06, sv_buf_bytes(&oid));
        put_tlv(&pair, tag, sv_bytes(value, size));
        put_tlv(b, 0x30, sv_buf_bytes(&pair));
}

static void put_tcb(struct sv_buf *b, unsigned wide)
{
        static const uint8_t pcesvn = INTEL_PCESVN, tcb_arc[] = {2};
        const uint8_t three[] = {(uint8_t)(wide >> 16), (uint8_t)(wide >> 8), (uint8_t)wide};
        SV_BUF list = SV_BUF_NULL;

        for (uint8_t i = 0; i < 16; i++)
                put_member(&list, (const uint8_t[]){2, (uint8_t)(i + 1)}, 2, 0x02,
                           &intel_components[i], 1);
        put_member(&list, (const uint8_t[]){2, 17}, 2, 0x02, wide ? three : &pcesvn, wide ? 3 : 1);
        put_member(&list, (const uint8_t[]){2, 18}, 2, 0x04, intel_components, 16);
        put_member(b, tcb_arc, 1, 0x30, list.p, list.n);
}

static void add_sgx(X509 *x, const struct intel_options *o)
{
        static const uint8_t ppid[16] = "test platform", pceid[2], scalable = 1,
                             instance[16] = "instance";
        SV_BUF list = SV_BUF_NULL, whole = SV_BUF_NULL;
        ASN1_OBJECT *oid = OBJ_txt2obj("1.2.840.113741.1.13.1", 1);
        ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
        X509_EXTENSION *e;

        put_member(&list, (const uint8_t[]){1}, 1, 0x04, ppid, sizeof(ppid));
        put_tcb(&list, o->pcesvn);
        put_member(&list, (const uint8_t[]){3}, 1, 0x04, pceid, sizeof(pceid));
        put_member(&list, (const uint8_t[]){4}, 1, 0x04, o->fmspc, sizeof(o->fmspc));
        put_member(&list, (const uint8_t[]){5}, 1, 0x0a, &scalable, 1);
        put_member(&list, (const uint8_t[]){6}, 1, 0x04, instance, sizeof(instance));
        put_tlv(&whole, 0x30, sv_buf_bytes(&list));
        MUST(oid && data && ASN1_OCTET_STRING_set(data, whole.p, (int)whole.n));
        MUST((e = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, data)) && X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
        ASN1_OCTET_STRING_free(data);
        ASN1_OBJECT_free(oid);
}

/* --- certificates --- */

static X509 *certificate(const char *cn, EVP_PKEY *key, X509 *issuer, uint64_t serial)
{
        static const char *const name[][2] = {
                {"O", "Intel Corporation"}, {"L", "Santa Clara"}, {"ST", "CA"}, {"C", "US"}};
        X509 *x = X509_new();
        X509_NAME *subject;

        MUST(x && X509_set_version(x, X509_VERSION_3) &&
             ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial));
        subject = X509_get_subject_name(x);
        MUST(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1,
                                        -1, 0));
        for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
                MUST(X509_NAME_add_entry_by_txt(subject, name[i][0], MBSTRING_ASC,
                                                (const unsigned char *)name[i][1], -1, -1, 0));
        MUST(X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x)));
        MUST(ASN1_TIME_set(X509_getm_notBefore(x), FROM) &&
             ASN1_TIME_set(X509_getm_notAfter(x), TO) && X509_set_pubkey(x, key));
        return x;
}

static void add_known(X509 *x, int nid, const char *value)
{
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

        MUST(e && X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
}

static X509 *authority(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                       uint64_t serial)
{
        X509 *x = certificate(cn, key, issuer, serial);

        add_known(x, NID_basic_constraints,
                  issuer ? "critical,CA:TRUE,pathlen:0" : "critical,CA:TRUE,pathlen:1");
        add_known(x, NID_key_usage, "critical,keyCertSign,cRLSign");
        MUST(X509_sign(x, issuer_key, EVP_sha256()));
        return x;
}

static X509 *leaf(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
                  uint64_t serial, const struct intel_options *sgx, int64_t until)
{
        X509 *x = certificate(cn, key, issuer, serial);

        MUST(!until || ASN1_TIME_set(X509_getm_notAfter(x), until));
        add_known(x, NID_basic_constraints, "critical,CA:FALSE");
        add_known(x, NID_key_usage, "critical,digitalSignature,nonRepudiation");
        if (sgx)
                add_sgx(x, sgx);
        MUST(X509_sign(x, issuer_key, EVP_sha256()));
        return x;
}

void intel_pki_make(const struct intel_options *o, struct intel_pki *out)
{
        EVP_PKEY **keys[] = {&out->root_key, &out->ca_key, &out->pck_key, &out->tcb_key,
                             &out->att_key};

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                MUST(*keys[i] = EVP_EC_gen("P-256"));
        out->root = authority("Intel SGX Root CA", out->root_key, NULL, out->root_key, SERIAL_ROOT);
        out->ca = authority(o->ca_name     ? o->ca_name
                            : o->processor ? "Intel SGX PCK Processor CA"
                                           : "Intel SGX PCK Platform CA",
                            out->ca_key, out->root, out->root_key, SERIAL_CA);
        out->pck = leaf(o->pck_name ? o->pck_name : "Intel SGX PCK Certificate", out->pck_key,
                        out->ca, out->ca_key, SERIAL_PCK, o, 0);
        out->tcb = leaf(o->tcb_name ? o->tcb_name : "Intel SGX TCB Signing", out->tcb_key,
                        out->root, out->root_key, SERIAL_TCB, NULL, o->tcb_until);
}

/* --- files --- */

static FILE *open_file(const char *dir, const char *name, const char *mode)
{
        char path[4096];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, mode);
        MUST(f);
        return f;
}

static void save_crl(X509 *issuer, EVP_PKEY *key, uint64_t revoked, int64_t until, FILE *f)
{
        X509_CRL *crl = X509_CRL_new();
        ASN1_TIME *t = ASN1_TIME_set(NULL, FROM);

        MUST(X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
             X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)));
        MUST(X509_CRL_set1_lastUpdate(crl, t));
        if (revoked) {
                X509_REVOKED *r = X509_REVOKED_new();
                ASN1_INTEGER *serial = ASN1_INTEGER_new();

                MUST(ASN1_INTEGER_set_uint64(serial, revoked) &&
                     X509_REVOKED_set_serialNumber(r, serial) &&
                     X509_REVOKED_set_revocationDate(r, t));
                MUST(X509_CRL_add0_revoked(crl, r));
                ASN1_INTEGER_free(serial);
        }
        MUST(until < 0 ||
             (ASN1_TIME_set(t, until ? until : TO) && X509_CRL_set1_nextUpdate(crl, t)));
        MUST(X509_CRL_sign(crl, key, EVP_sha256()));
        MUST(i2d_X509_CRL_fp(f, crl) == 1 && fclose(f) == 0);
        ASN1_TIME_free(t);
        X509_CRL_free(crl);
}

static void save_certs(const char *dir, const char *name, X509 *first, X509 *second, X509 *third)
{
        FILE *f = open_file(dir, name, "w");

        MUST(PEM_write_X509(f, first) && (!second || PEM_write_X509(f, second)) &&
             (!third || PEM_write_X509(f, third)) && fclose(f) == 0);
}

static void save_key(const char *dir, const char *name, EVP_PKEY *key)
{
        FILE *f = open_file(dir, name, "w");

        MUST(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) && fclose(f) == 0);
}

static void save_text(const char *dir, const char *name, struct sv_buf *text)
{
        FILE *f = open_file(dir, name, "w");

        MUST(fwrite(text->p, text->n, 1, f) == 1 && fclose(f) == 0);
        sv_buf_free(text);
}

void intel_pki_save(const struct intel_pki *pki, const struct intel_options *o, const char *dir)
{
        struct sv_buf text = SV_BUF_NULL;

        save_certs(dir, "root.pem", pki->root, NULL, NULL);
        save_certs(dir, "pck-chain.pem", pki->pck, pki->ca, pki->root);
        save_certs(dir, "tcb_info_chain.pem", pki->tcb, pki->root, NULL);
        save_certs(dir, "qe_identity_chain.pem", pki->tcb, pki->root, NULL);
        save_crl(pki->ca, pki->ca_key, o->pck_revoked ? SERIAL_PCK : 0, o->crls_until,
                 open_file(dir, "pck_crl.der", "w"));
        save_crl(pki->root, pki->root_key,
                 o->ca_revoked    ? SERIAL_CA
                 : o->tcb_revoked ? SERIAL_TCB
                                  : 0,
                 o->crls_until, open_file(dir, "root_ca_crl.der", "w"));
        save_key(dir, "pck.key", pki->pck_key);
        save_key(dir, "att.key", pki->att_key);
        intel_tcb_info(pki, o, &text);
        save_text(dir, "tcb_info.json", &text);
        intel_qe_identity(pki, o, &text);
        save_text(dir, "qe_identity.json", &text);
}

static EVP_PKEY *load_key(const char *dir, const char *name)
{
        FILE *f = open_file(dir, name, "r");
        EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

        MUST(key);
        fclose(f);
        return key;
}

void intel_signer_load(const char *dir, struct intel_signer *out)
{
        FILE *f = open_file(dir, "pck-chain.pem", "r");
        size_t n;

        out->pck_key = load_key(dir, "pck.key");
        out->att_key = load_key(dir, "att.key");
        MUST(out->chain = calloc(1, 65536));
        n = fread(out->chain, 1, 65535, f);
        MUST(n);
        fclose(f);
}

void intel_signer_free(struct intel_signer *s)
{
        EVP_PKEY_free(s->pck_key);
        EVP_PKEY_free(s->att_key);
        free(s->chain);
        memset(s, 0, sizeof(*s));
}

void intel_pki_free(struct intel_pki *pki)
{
        EVP_PKEY *keys[] = {pki->root_key, pki->ca_key, pki->pck_key, pki->tcb_key, pki->att_key};
        X509 *certs[] = {pki->root, pki->ca, pki->pck, pki->tcb};

        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                EVP_PKEY_free(keys[i]);
        for (size_t i = 0; i < sizeof(certs) / sizeof(certs[0]); i++)
                X509_free(certs[i]);
        memset(pki, 0, sizeof(*pki));
}

void intel_sign(EVP_PKEY *key, const void *data, size_t n, uint8_t out[64])
{
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        unsigned char der[256];
        const unsigned char *p = der;
        size_t size = sizeof(der);
        ECDSA_SIG *sig;

        MUST(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestSign(ctx, der, &size, data, n) == 1);
        MUST(sig = d2i_ECDSA_SIG(NULL, &p, (long)size));
        MUST(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32 &&
             BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32);
        ECDSA_SIG_free(sig);
        EVP_MD_CTX_free(ctx);
}
