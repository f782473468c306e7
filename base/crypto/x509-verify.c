/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of certificates (RFC 5280 section 6), by libcrypto's path validation with what it leaves
 * to its callers added. */
#include <openssl/x509v3.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>

#include "base/crypto/crypto-ossl.h"
#include "base/core/limits.h"

/* 112 bits: RSA from 2048 bits, SHA-256 and better; SHA-1 signatures are refused */
#define AUTH_LEVEL 2

SV_OSSL_CLEANUP(X509_STORE, X509_STORE_free)
SV_OSSL_CLEANUP(X509_STORE_CTX, X509_STORE_CTX_free)

static bool is_allowed(const X509_EXTENSION *ext, const char *const *allow)
{
        char oid[128];

        OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object((X509_EXTENSION *)(uintptr_t)ext),
                    1);
        for (; allow && *allow; allow++)
                if (!strcmp(oid, *allow))
                        return true;
        return false;
}

/* Are all critical extensions either libcrypto's or the caller's business? */
static bool are_critical_allowed(X509 *x, const char *const *allow)
{
        for (int i = 0; i < X509_get_ext_count(x); i++) {
                X509_EXTENSION *ext = X509_get_ext(x, i);

                if (X509_EXTENSION_get_critical(ext) && !X509_supported_extension(ext) &&
                    !is_allowed(ext, allow))
                        return false;
        }
        return true;
}

static int judge_chain_problem(int ok, X509_STORE_CTX *ctx)
{
        X509 *x = X509_STORE_CTX_get_current_cert(ctx);

        if (ok)
                return 1;
        switch (X509_STORE_CTX_get_error(ctx)) {
        case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
                ok = x && are_critical_allowed(x, X509_STORE_CTX_get_app_data(ctx));
                break;
        case X509_V_ERR_UNABLE_TO_GET_CRL:
                /* No issuer above an anchor could revoke it, so an anchor is trusted as it is. */
                ok = x && X509_STORE_CTX_get_error_depth(ctx) ==
                                  sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;
                break;
        default:
                break;
        }
        if (ok)
                X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return ok;
}

static const char *get_check_suffix(int code)
{
        switch (code) {
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_CERT_HAS_EXPIRED:
                return "expired";
        case X509_V_ERR_CERT_REVOKED:
                return "revoked";
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
        case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
        case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
        case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
        case X509_V_ERR_DIFFERENT_CRL_SCOPE:
        case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
                return "crl";
        default:
                return "chain";
        }
}

static int fail_chain(X509_STORE_CTX *ctx, const struct sv_cert *leaf, const char *check,
                      struct sv_err *err)
{
        int code = X509_STORE_CTX_get_error(ctx);
        X509 *at = X509_STORE_CTX_get_current_cert(ctx);
        struct sv_cert view = {at ? at : leaf->x509};
        char name[64], subject[256], issuer[256];

        sv_cert_subject_cn(&view, subject);
        sv_cert_issuer_cn(&view, issuer);
        ERR_clear_error();
        snprintf(name, sizeof(name), "%s.%s", check, get_check_suffix(code));
        return sv_fail(err, SV_PROOF, name, "certificate \"%s\" issued by \"%s\": %s", subject,
                       issuer, X509_verify_cert_error_string(code));
}

/* libcrypto takes a certificate without basicConstraints for an issuer when its keyUsage or its age
 * says so; we do not. */
static int check_issuers(STACK_OF(X509) * chain, const char *check, struct sv_err *err)
{
        for (int i = 1; i < sk_X509_num(chain) - 1; i++) {
                struct sv_cert view = {sk_X509_value(chain, i)};
                char name[64], subject[256];

                if (X509_check_ca(view.x509) == 1)
                        continue;
                sv_cert_subject_cn(&view, subject);
                snprintf(name, sizeof(name), "%s.chain", check);
                return sv_fail(
                        err, SV_PROOF, name,
                        "certificate \"%s\" issued another one but is no CA (basicConstraints)",
                        subject);
        }
        return 0;
}

static int fill_chain_store(X509_STORE *store, STACK_OF(X509) * untrusted,
                            STACK_OF(X509_CRL) * crl_list, const struct sv_certs *between,
                            const struct sv_certs *roots, const struct sv_bytes *crls,
                            size_t n_crls, const char *check, struct sv_err *err)
{
        char name[64];

        for (size_t i = 0; i < roots->n; i++)
                if (X509_STORE_add_cert(store, roots->list[i]->x509) != 1)
                        return sv_ossl_fail(err, SV_SYSTEM, "x509.store",
                                            "libcrypto does not take a root");
        for (size_t i = 0; between && i < between->n; i++)
                if (sk_X509_push(untrusted, between->list[i]->x509) <= 0)
                        return sv_ossl_fail(err, SV_SYSTEM, "x509.store",
                                            "libcrypto does not take a certificate");
        for (size_t i = 0; i < n_crls; i++) {
                const uint8_t *p = crls[i].p;
                X509_CRL *crl = crls[i].n && crls[i].n <= SV_PEM_SIZE_MAX
                                        ? d2i_X509_CRL(NULL, &p, (long)crls[i].n)
                                        : NULL;

                if (!crl || p != crls[i].p + crls[i].n || sk_X509_CRL_push(crl_list, crl) <= 0) {
                        X509_CRL_free(crl);
                        snprintf(name, sizeof(name), "%s.crl", check);
                        return sv_ossl_fail(err, SV_PROOF, name,
                                            "blob %zu is no DER revocation list", i);
                }
        }
        return 0;
}

static int run_chain_verify(X509_STORE_CTX *ctx, const struct sv_cert *leaf,
                            const struct sv_certs *roots, size_t *root_index, const char *check,
                            struct sv_err *err)
{
        STACK_OF(X509) * chain;
        X509 *top;

        if (X509_verify_cert(ctx) != 1 || X509_STORE_CTX_get_error(ctx) != X509_V_OK)
                return fail_chain(ctx, leaf, check, err);
        chain = X509_STORE_CTX_get0_chain(ctx);
        if (check_issuers(chain, check, err) < 0)
                return -1;
        top = sk_X509_value(chain, sk_X509_num(chain) - 1);
        for (size_t i = 0; i < roots->n; i++)
                if (X509_cmp(top, roots->list[i]->x509) == 0) {
                        if (root_index)
                                *root_index = i;
                        return 0;
                }
        return sv_fail(err, SV_SYSTEM, "x509.store",
                       "libcrypto ended the chain at none of the roots");
}

int sv_chain_verify(const struct sv_cert *leaf, const struct sv_certs *between,
                    const struct sv_certs *roots, const struct sv_bytes *crls, size_t n_crls,
                    int64_t time, const char *const *allow_critical, size_t *root_index,
                    const char *check, struct sv_err *err)
{
        SV_OSSL(X509_STORE_free) X509_STORE *store = X509_STORE_new();
        SV_OSSL(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        STACK_OF(X509) *untrusted = sk_X509_new_null();
        STACK_OF(X509_CRL) *crl_list = sk_X509_CRL_new_null();
        int r = -1;

        if (!store || !ctx || !untrusted || !crl_list) {
                sv_ossl_fail(err, SV_SYSTEM, "x509.store", "no memory for a chain");
        } else if (fill_chain_store(store, untrusted, crl_list, between, roots, crls, n_crls, check,
                                    err) == 0) {
                if (X509_STORE_CTX_init(ctx, store, leaf->x509, untrusted) != 1) {
                        sv_ossl_fail(err, SV_SYSTEM, "x509.store",
                                     "libcrypto does not start a chain");
                } else {
                        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

                        /* PARTIAL_CHAIN: a root is who the caller says it is, self-signed or not.
                         */
                        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN |
                                                                   X509_V_FLAG_TRUSTED_FIRST);
                        if (crls)
                                X509_VERIFY_PARAM_set_flags(
                                        param, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
                        X509_VERIFY_PARAM_set_depth(param, SV_CHAIN_MAX);
                        X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
                        X509_VERIFY_PARAM_set_time(param, (time_t)time);
                        X509_STORE_CTX_set0_crls(ctx, crl_list);
                        X509_STORE_CTX_set_verify_cb(ctx, judge_chain_problem);
                        X509_STORE_CTX_set_app_data(ctx, (void *)(uintptr_t)allow_critical);
                        r = run_chain_verify(ctx, leaf, roots, root_index, check, err);
                }
        }
        sk_X509_free(untrusted);
        sk_X509_CRL_pop_free(crl_list, X509_CRL_free);
        return r;
}
