/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/verify/cached.h"

static void free_snp_state(void *state)
{
        struct sv_snp_cached *s = state;

        sv_snp_signer_free(&s->signer);
        sv_certs_free(&s->vek);
        sv_certs_free(&s->ca);
        sv_certs_free(&s->roots);
}

static int parse_certs_of(const struct sv_collateral *what, const char *kind, const char *check,
                          struct sv_certs *out, struct sv_err *err)
{
        struct sv_bytes data;

        for (size_t i = 0; sv_collateral_get(what, kind, i, &data); i++)
                if (sv_certs_parse(data, out, check, err) < 0)
                        return -1;
        return 0;
}

/* A VEK that cannot be read is refused by who reads it. */
static int complete_chain(struct sv_snp_cached *s, struct sv_err *err)
{
        struct sv_vek vek;

        return sv_vek_parse(s->vek.list[0], &vek, NULL) < 0 ? 0
                                                            : sv_sev_complete_ca(&vek, &s->ca, err);
}

static int fill_snp_state(const struct sv_collateral *what, struct sv_snp_cached *s,
                          struct sv_err *err)
{
        struct sv_bytes none;

        s->any_root = sv_collateral_get(what, "any-root", 0, &none);
        if (parse_certs_of(what, "vek", "snp.vek.form", &s->vek, err) < 0 ||
            parse_certs_of(what, "ca", "snp.ca.form", &s->ca, err) < 0 ||
            parse_certs_of(what, "ark-root", "snp.root.form", &s->roots, err) < 0)
                return -1;
        if (!s->vek.n)
                return sv_fail(err, SV_PROOF, "snp.vek.missing",
                               "neither the evidence nor the collateral has the VCEK or VLEK that "
                               "signed the report: give one with --vek, or --fetch it");
        if (complete_chain(s, err) < 0)
                return -1;
        while (s->n_crls < sizeof(s->crl) / sizeof(s->crl[0]) &&
               sv_collateral_get(what, "crl", s->n_crls, &s->crl[s->n_crls]))
                s->n_crls++;
        return 0;
}

struct sv_cached *sv_snp_cached_new(const struct sv_collateral *what, struct sv_err *err)
{
        struct sv_cached *k =
                sv_cached_new("sev-snp", what, sizeof(struct sv_snp_cached), free_snp_state, err);

        if (k && fill_snp_state(&k->what, k->state, err) < 0) {
                sv_cached_free(k);
                return NULL;
        }
        return k;
}

struct sv_sev_chain sv_snp_cached_chain(const struct sv_snp_cached *s, int64_t time)
{
        return (struct sv_sev_chain){.vek = s->vek.list[0],
                                     .ca = &s->ca,
                                     .crls = s->crl,
                                     .n_crls = s->n_crls,
                                     .test_roots = &s->roots,
                                     .any_root = s->any_root,
                                     .time = time};
}

void sv_snp_cache_keep(struct sv_trust_cache *m, struct sv_cached *k)
{
        const struct sv_snp_cached *s = k->state;
        uint8_t platform[32] = {0};

        /* Whoever makes a root makes as many platforms under it as they like: with any_root these
         * have one place among them. */
        if (s->signer.root.amd || !s->any_root)
                sv_cert_fingerprint(s->vek.list[0], platform);
        /* A certificate that proves nothing, beside the VEK, was put there by the guest. */
        sv_trust_cache_keep(s->vek.n == 1 ? m : NULL, k, platform);
}

int sv_snp_cache_accept(struct sv_trust_cache *m, const struct sv_collateral *what, int64_t time,
                        struct sv_err *err)
{
        struct sv_cached *k = sv_snp_cached_new(what, err);
        struct sv_sev_chain chain;
        struct sv_snp_cached *s;

        if (!k)
                return -1;
        s = k->state;
        chain = sv_snp_cached_chain(s, time);
        if (sv_snp_signer_prove(&s->signer, &chain, err) < 0) {
                sv_cached_free(k);
                return -1;
        }
        sv_snp_cache_keep(m, k);
        return 0;
}
