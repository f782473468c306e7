/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/chain.h"

#include "base/core/encoding.h"

#include <stdio.h>

/* SHA-256 of the DER of "Intel SGX Root CA" (https://certificates.trustedservices.intel.com). */
#define INTEL_ROOT "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3"

void sv_tdx_chain_free(struct sv_tdx_chain *c)
{
        sv_certs_free(&c->certs);
        *c = (struct sv_tdx_chain){0};
}

bool sv_tdx_root_is_intel(const uint8_t sha256[32])
{
        char hex[65];

        return !strcmp(sv_hex(sv_bytes(sha256, 32), hex), INTEL_ROOT);
}

static bool is_intel(const struct sv_cert *c)
{
        uint8_t digest[32];

        sv_cert_fingerprint(c, digest);
        return sv_tdx_root_is_intel(digest);
}

/* Intel's names end in "CA" for issuers. */
static bool is_issuer(const struct sv_cert *c)
{
        char cn[256];
        size_t n;

        sv_cert_subject_cn(c, cn);
        n = strlen(cn);
        return n >= 3 && !strcmp(cn + n - 3, " CA");
}

static int find_chain_certs(struct sv_tdx_chain *c, struct sv_tdx_roots roots, const char *check,
                            struct sv_err *err)
{
        char cn[256], name[64];

        for (size_t i = 0; i < c->certs.n; i++) {
                const struct sv_cert *cert = c->certs.list[i];
                int64_t from, to;

                sv_cert_validity(cert, &from, &to);
                if (!i || to < c->expires)
                        c->expires = to;
                sv_cert_subject_cn(cert, cn);
                if (!strcmp(cn, "Intel SGX Root CA"))
                        c->root = cert;
                else if (!is_issuer(cert) && !c->leaf)
                        c->leaf = cert;
        }
        snprintf(name, sizeof(name), "%s.chain", check);
        if (!c->leaf || !c->root)
                return sv_fail(err, SV_PROOF, name, "the chain of %zu certificates has no %s",
                               c->certs.n, c->leaf ? "\"Intel SGX Root CA\"" : "leaf");
        /* Intel's own stays Intel's, whoever lists it as a test root. */
        c->test_root = !is_intel(c->root);
        if (c->test_root && !roots.any && !sv_certs_have(roots.test, c->root))
                return sv_fail(err, SV_PROOF, "tdx.root",
                               "the chain ends in a root that is called Intel's but is not: its "
                               "SHA-256 is not the one built in");
        return 0;
}

int sv_tdx_chain_take(struct sv_certs *certs, struct sv_tdx_roots roots, const char *check,
                      struct sv_tdx_chain *out, struct sv_err *err)
{
        struct sv_tdx_chain c = {.certs = *certs};

        *certs = (struct sv_certs){NULL, 0};
        if (find_chain_certs(&c, roots, check, err) < 0) {
                sv_tdx_chain_free(&c);
                return -1;
        }
        *out = c;
        return 0;
}

int sv_tdx_chain_parse(struct sv_bytes pem, struct sv_tdx_roots roots, const char *check,
                       struct sv_tdx_chain *out, struct sv_err *err)
{
        SV_CERTS certs = {0};
        char name[64];

        snprintf(name, sizeof(name), "%s.chain", check);
        return sv_certs_parse(pem, &certs, name, err) < 0
                       ? -1
                       : sv_tdx_chain_take(&certs, roots, check, out, err);
}

int sv_tdx_chain_verify(const struct sv_tdx_chain *c, const struct sv_bytes *crls, size_t n_crls,
                        int64_t time, const char *check, struct sv_err *err)
{
        struct sv_cert *root = (struct sv_cert *)(uintptr_t)c->root;
        struct sv_certs roots = {&root, 1};

        return sv_chain_verify(c->leaf, &c->certs, &roots, crls, n_crls, time, NULL, NULL, check,
                               err);
}
