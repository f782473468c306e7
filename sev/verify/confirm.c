/* SPDX-License-Identifier: Apache-2.0 */
/* A report's claims again, from its bytes and those of its three certificates: each certificate is
 * read only after the signature above it has held. What is left to who gave the claims: dates and
 * revocation lists. A chain that has held once, byte for byte, is not verified again: it holds at
 * any time. */
#include <stdio.h>
#include <string.h>

#include "base/core/rd.h"
#include "sev/verify/tee.h"
#include "sev/verify/verify.h"
#include "tee/confirm.h"
#include "tee/trust-cache.h"

struct proof {
        struct sv_bytes report;
        struct sv_bytes certs[3]; /* the VEK, its issuer, the root */
};

static int read_report_proof(struct sv_bytes raw, struct proof *p, struct sv_err *err)
{
        struct sv_rd r = sv_rd(raw);

        p->report = sv_rd_bytes(&r, SV_REPORT_SIZE);
        for (int i = 0; i < 3; i++)
                p->certs[i] = sv_rd_part(&r);
        return sv_rd_done(&r, "tee.proof", "the proof", err);
}

/* --- a chain that held --- */

#define NAME "sev-snp-confirm" /* in the cache: another state than the verifier's own */

struct confirmed {
        struct sv_vek vek;
        struct sv_sev_root root;
        struct sv_key *key;
};

static void free_confirmed(void *state)
{
        struct confirmed *c = state;

        sv_key_free(c->key);
}

/* All that the state follows from: which key a report says it has is part of it. */
static struct sv_collateral list_proof(const struct proof *p, enum sv_sev_key key,
                                       struct sv_blob list[3])
{
        static const char *const kinds[] = {NULL, "issuer", "root"};

        for (int i = 0; i < 3; i++) {
                const char *kind = i ? kinds[i] : key == SV_SEV_VLEK ? "vlek" : "vcek";

                list[i] = (struct sv_blob){.data = p->certs[i]};
                snprintf(list[i].kind, sizeof(list[i].kind), "%s", kind);
        }
        return (struct sv_collateral){list, 3, NULL};
}

static int check_chain(const struct proof *p, enum sv_sev_key key, struct confirmed *c,
                       struct sv_err *err)
{
        struct sv_signed_cert leaf;

        if (sv_signed_chain_check(p->certs, 3, SV_RSAPSS_SHA384, &leaf, "snp.chain.chain", err) <
                    0 ||
            sv_vek_read(&leaf, key, &c->vek, err) < 0 ||
            sv_digest(SV_SHA256, p->certs[2], c->root.sha256, err) < 0)
                return -1;
        c->root.amd = sv_sev_root_is_amd(c->root.sha256, c->vek.product);
        c->key = sv_signed_cert_key(&leaf, "snp.signature", err);
        return c->key ? 0 : -1;
}

static struct sv_cached *make_confirmed(const struct proof *p, enum sv_sev_key key,
                                        const struct sv_collateral *what, struct sv_err *err)
{
        struct sv_cached *k =
                sv_cached_new(NAME, what, sizeof(struct confirmed), free_confirmed, err);

        if (k && check_chain(p, key, k->state, err) < 0) {
                sv_cached_free(k);
                return NULL;
        }
        return k;
}

/* Whoever makes a root makes as many platforms under it as they like: these have one place. */
static void keep_confirmed(struct sv_trust_cache *m, struct sv_cached *k, const uint8_t vek[32])
{
        const struct confirmed *c = k->state;
        uint8_t platform[32] = {0};

        if (c->root.amd)
                memcpy(platform, vek, sizeof(platform));
        sv_trust_cache_keep(m, k, platform);
}

static int confirm_report(const struct proof *p, const struct sv_report *report,
                          const struct confirmed *c, const struct sv_verify_in *in,
                          const struct sv_json *claims, uint8_t vek_sha256[32], struct sv_err *err)
{
        static const char *const unproven[] = {"crl_checked", NULL};
        struct sv_snp_shown shown = {report, &c->vek, &c->root, {0}, in->report_data.n > 0};
        SV_JSON *own = NULL;

        if (sv_snp_check_report(&shown, c->key, p->report, in->report_data, err) < 0 ||
            sv_digest(SV_SHA256, p->certs[0], shown.vek_sha256, err) < 0)
                return -1;
        memcpy(vek_sha256, shown.vek_sha256, 32);
        own = sv_snp_claims(&shown);
        return sv_claims_confirm(own, unproven, claims, err);
}

int sv_snp_confirm(struct sv_bytes proof, const struct sv_verify_in *in,
                   const struct sv_json *claims, struct sv_err *err)
{
        struct sv_cached *known, *fresh = NULL;
        struct sv_collateral what;
        struct sv_report report;
        struct sv_blob list[3];
        uint8_t vek[32];
        struct proof p;
        int rc;

        if (read_report_proof(proof, &p, err) < 0 || sv_report_parse(p.report, &report, err) < 0)
                return -1;
        what = list_proof(&p, sv_report_signing_key(&report), list);
        known = sv_trust_cache_find(in->cache, NAME, &what);
        if (!known)
                known = fresh = make_confirmed(&p, sv_report_signing_key(&report), &what, err);
        if (!known)
                return -1;
        rc = confirm_report(&p, &report, known->state, in, claims, vek, err);
        if (fresh && rc == 0)
                keep_confirmed(in->cache, fresh, vek);
        else
                sv_cached_free(fresh);
        return rc;
}
