/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/core/encoding.h"
#include "sev/verify/certs.h"

/* SHA-256 of the DER of AMD's root keys' certificates, as https://kdsintf.amd.com serves them. */
static const struct {
        enum sv_sev_product product;
        const char *sha256;
} roots[] = {
        {SV_SEV_MILAN, "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"},
        {SV_SEV_GENOA, "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1"},
        {SV_SEV_TURIN, "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a"},
};

bool sv_sev_root_is_amd(const uint8_t sha256[32], enum sv_sev_product product)
{
        char hex[65];

        sv_hex(sv_bytes(sha256, 32), hex);
        for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
                if (roots[i].product == product && !strcmp(roots[i].sha256, hex))
                        return true;
        return false;
}

/* AMD's names: ARK-Milan; SEV-Milan for VCEKs, SEV-VLEK-Milan for VLEKs. */
static const struct sv_cert *find_cert_by_name(const struct sv_certs *certs, const char *prefix,
                                               enum sv_sev_product product)
{
        char want[64], cn[256];

        snprintf(want, sizeof(want), "%s%s", prefix, sv_sev_product_name(product));
        for (size_t i = 0; i < certs->n; i++) {
                sv_cert_subject_cn(certs->list[i], cn);
                if (!strcmp(cn, want))
                        return certs->list[i];
        }
        return NULL;
}

static int check_pss(const struct sv_cert *c, const char *name, struct sv_err *err)
{
        if (sv_cert_is_pss(c, SV_SHA384))
                return 0;
        return sv_fail(err, SV_PROOF, "snp.chain.signature",
                       "the %s certificate is not signed with RSASSA-PSS and SHA-384, as AMD's are",
                       name);
}

static const char *ask_prefix(const struct sv_vek *vek)
{
        return vek->key == SV_SEV_VLEK ? "SEV-VLEK-" : "SEV-";
}

/* An ASK or ASVK and an ARK. The guest gives them: of more, one could be verified and another one
 * looked at. */
static int find_issuers(const struct sv_sev_chain *in, const struct sv_vek *vek,
                        const struct sv_cert **ask, const struct sv_cert **ark, struct sv_err *err)
{
        const char *ask_name = ask_prefix(vek);

        *ark = find_cert_by_name(in->ca, "ARK-", vek->product);
        *ask = find_cert_by_name(in->ca, ask_name, vek->product);
        if (!*ark || !*ask)
                return sv_fail(
                        err, SV_PROOF, "snp.chain.name",
                        "the CA certificates hold no %s%s; \"%s%s\" and \"ARK-%s\" were expected",
                        *ark ? ask_name : "ARK-", sv_sev_product_name(vek->product), ask_name,
                        sv_sev_product_name(vek->product), sv_sev_product_name(vek->product));
        if (in->ca->n != 2)
                return sv_fail(err, SV_PROOF, "snp.chain.surplus",
                               "two CA certificates were expected, \"%s%s\" and \"ARK-%s\", found "
                               "%zu: leave out the others",
                               ask_name, sv_sev_product_name(vek->product),
                               sv_sev_product_name(vek->product), in->ca->n);
        return 0;
}

static bool is_amd_root(const struct sv_cert *ark, enum sv_sev_product product)
{
        uint8_t sha256[32];

        sv_cert_fingerprint(ark, sha256);
        return sv_sev_root_is_amd(sha256, product);
}

int sv_sev_complete_ca(const struct sv_vek *vek, struct sv_certs *ca, struct sv_err *err)
{
        const struct sv_cert *ask = find_cert_by_name(ca, ask_prefix(vek), vek->product);
        const struct sv_cert *ark = find_cert_by_name(ca, "ARK-", vek->product);
        struct sv_bytes own_ask, own_ark;

        if (!sv_sev_builtin(vek->product, vek->key, &own_ask, &own_ark))
                return 0;
        /* Under somebody's own root AMD's ASK proves nothing, and what lacks has its name. */
        if (!ask && (!ark || is_amd_root(ark, vek->product)) &&
            sv_certs_parse(own_ask, ca, "snp.ca.form", err) < 0)
                return -1;
        return ark ? 0 : sv_certs_parse(own_ark, ca, "snp.ca.form", err);
}

/* AMD's own stay AMD's, whoever lists them as test roots. */
static int find_root(const struct sv_sev_chain *in, const struct sv_vek *vek,
                     const struct sv_cert *ark, struct sv_sev_root *root, struct sv_err *err)
{
        sv_cert_fingerprint(ark, root->sha256);
        root->amd = sv_sev_root_is_amd(root->sha256, vek->product);
        if (root->amd || in->any_root || sv_certs_have(in->test_roots, ark))
                return 0;
        return sv_fail(err, SV_PROOF, "snp.chain.root",
                       "this ARK-%s is not AMD's: its SHA-256 is none of those built in",
                       sv_sev_product_name(vek->product));
}

int sv_sev_chain_verify(const struct sv_sev_chain *in, const struct sv_vek *vek,
                        struct sv_sev_root *out, struct sv_err *err)
{
        const struct sv_cert *ark = NULL, *ask = NULL;
        struct sv_certs root = {(struct sv_cert **)&ark, 1}, between = {(struct sv_cert **)&ask, 1};
        struct sv_sev_root found;

        if (find_issuers(in, vek, &ask, &ark, err) < 0 || find_root(in, vek, ark, &found, err) < 0)
                return -1;
        if (check_pss(in->vek, vek->key == SV_SEV_VLEK ? "VLEK" : "VCEK", err) < 0 ||
            check_pss(ask, "ASK", err) < 0 || check_pss(ark, "ARK", err) < 0)
                return -1;
        /* A root signs itself. AMD's are known by their digests; of another one, who else signed it
         * does not matter, but one that did not sign itself is not made as AMD's are. */
        if (sv_chain_verify(ark, NULL, &root, NULL, 0, in->time, NULL, NULL, "snp.chain", err) <
                    0 ||
            (!found.amd && sv_cert_self_issued(ark, "snp.chain.root", err) < 0) ||
            sv_chain_verify(in->vek, &between, &root, NULL, 0, in->time, NULL, NULL, "snp.chain",
                            err) < 0)
                return -1;
        /* AMD's lists name ASKs and ASVKs and are signed by the ARK; VEKs all have serial 0 and
         * cannot be listed. */
        if (in->n_crls && sv_chain_verify(ask, NULL, &root, in->crls, in->n_crls, in->time, NULL,
                                          NULL, "snp.chain", err) < 0)
                return -1;
        *out = found;
        return 0;
}

int sv_sev_chain_span(const struct sv_sev_chain *in, const struct sv_vek *vek, int64_t *from,
                      int64_t *until, struct sv_err *err)
{
        const struct sv_cert *certs[] = {in->vek,
                                         find_cert_by_name(in->ca, ask_prefix(vek), vek->product),
                                         find_cert_by_name(in->ca, "ARK-", vek->product)};
        int64_t a, b;

        /* lists were valid then; when they began to be does not matter */
        *from = in->n_crls ? in->time : INT64_MIN;
        *until = INT64_MAX;
        for (size_t i = 0; i < sizeof(certs) / sizeof(certs[0]); i++) {
                if (!certs[i])
                        return sv_fail(err, SV_PROOF, "snp.chain.name",
                                       "the CA certificates are not whole");
                sv_cert_validity(certs[i], &a, &b);
                *from = a > *from ? a : *from;
                *until = b < *until ? b : *until;
        }
        for (size_t i = 0; i < in->n_crls; i++) {
                if (sv_crl_next_update(in->crls[i], &b, "snp.chain.crl", err) < 0)
                        return -1;
                *until = b < *until ? b : *until;
        }
        return 0;
}
