/* SPDX-License-Identifier: Apache-2.0 */
/* From evidence and collateral to claims. */
#include "sev/verify/opened.h"
#include "sev/verify/hcl.h"
#include "sev/verify/cached.h"
#include "sev/verify/tee.h"
#include "tee/root.h"

struct found {
        const struct sv_snp_opened *o;
        struct sv_blobs what;    /* of what the verifier may know something */
        struct sv_cached *known; /* the memory's, or made for this evidence: */
        bool fresh;
        const struct sv_snp_cached *s; /* its state */
};

static void free_snp_found(struct found *f)
{
        if (f->fresh)
                sv_cached_free(f->known);
        sv_blobs_free(&f->what);
}

/* Every blob of this kind; true when there was one. */
static bool add_given(const struct sv_collateral *c, const char *kind, struct sv_blobs *out)
{
        struct sv_bytes data;
        size_t n = 0;

        while (sv_collateral_get(c, kind, n, &data)) {
                sv_blobs_add(out, kind, data);
                n++;
        }
        return n > 0;
}

/* What the evidence brings of this kind, when nothing better is there. */
static void add_carried_certs(const struct sv_snp_evidence *e, enum sv_cert_kind own,
                              const char *kind, struct sv_blobs *out)
{
        const struct sv_cert_entry *entry = sv_cert_table_find(&e->certs, own);

        if (entry)
                sv_blobs_add(out, kind, entry->data);
}

static void choose_certificates(const struct sv_collateral *c, bool any_root, struct found *f)
{
        const struct sv_snp_evidence *e = &f->o->e;

        if (!add_given(c, "vek", &f->what))
                add_carried_certs(e,
                                  sv_report_signing_key(&f->o->report) == SV_SEV_VLEK
                                          ? SV_CERT_VLEK
                                          : SV_CERT_VCEK,
                                  "vek", &f->what);
        if (!add_given(c, "ca", &f->what)) {
                add_carried_certs(e, SV_CERT_ASK, "ca", &f->what);
                add_carried_certs(e, SV_CERT_ARK, "ca", &f->what);
        }
        add_given(c, "ark-root", &f->what);
        if (any_root)
                sv_blobs_add(&f->what, "any-root", SV_BYTES_NULL);
        if (!add_given(c, "crl", &f->what))
                add_carried_certs(e, SV_CERT_CRL, "crl", &f->what);
}

static int prove_report(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        const struct sv_collateral what = {f->what.list, f->what.n, NULL};
        const struct sv_snp_evidence *e = &f->o->e;
        struct sv_snp_in snp = {.report = sv_bytes(e->report, SV_REPORT_SIZE),
                                .report_data = in->report_data,
                                .skip_signatures = in->skip_signatures,
                                .leave_report = in->proof != NULL};
        struct sv_snp_cached *s;

        f->known = in->skip_signatures ? NULL : sv_trust_cache_find(in->cache, "sev-snp", &what);
        f->fresh = !f->known;
        if (f->fresh)
                f->known = sv_snp_cached_new(&what, err);
        if (!f->known)
                return -1;
        f->s = s = f->known->state;
        snp.chain = sv_snp_cached_chain(s, in->time);
        if (sv_snp_verify_with(&s->signer, &snp, &f->o->report, err) < 0)
                return -1;
        return e->has_runtime_data
                       ? sv_hcl_bound(f->o->report.report_data, sv_buf_bytes(&e->runtime_data), err)
                       : 0;
}

static int put_cert(const struct sv_cert *c, struct sv_buf *out, struct sv_err *err)
{
        SV_BUF der = SV_BUF_NULL;

        if (sv_cert_der(c, &der, err) < 0)
                return -1;
        sv_put_part(out, sv_buf_bytes(&der));
        return 0;
}

/* The report, the VEK, its issuer, the root. */
static int put_report_proof(const struct found *f, const struct sv_snp_shown *shown,
                            struct sv_buf *out, struct sv_err *err)
{
        const struct sv_certs *ca = &f->s->ca;
        uint8_t first[32];
        bool swapped;

        sv_buf_put(out, sv_bytes(f->o->e.report, SV_REPORT_SIZE));
        if (put_cert(f->s->vek.list[0], out, err) < 0)
                return -1;
        if (!shown->root || ca->n != 2) /* without signatures: nothing was proven */
                return 0;
        sv_cert_fingerprint(ca->list[0], first);
        swapped = !memcmp(first, shown->root->sha256, sizeof(first));
        if (put_cert(ca->list[swapped], out, err) < 0 || put_cert(ca->list[!swapped], out, err) < 0)
                return -1;
        return sv_buf_ok(out, "the proof", err);
}

static int make_snp_claims(const struct sv_verify_in *in, const struct found *f,
                           struct sv_json **claims, struct sv_err *err)
{
        const struct sv_snp_signer *signer = &f->s->signer;
        /* Without signatures (fuzzing) no chain was verified, and there is no root to name. */
        struct sv_snp_shown shown = {.report = &f->o->report,
                                     .vek = &signer->vek,
                                     .root = signer->key ? &signer->root : NULL,
                                     .report_data_checked = in->report_data.n > 0};
        SV_JSON *made = NULL;
        struct sv_json *runtime = NULL;

        sv_cert_fingerprint(f->s->vek.list[0], shown.vek_sha256);
        if (in->proof && put_report_proof(f, &shown, in->proof, err) < 0)
                return -1;
        made = sv_snp_claims(&shown);
        sv_json_set_bool(made, "crl_checked", f->s->n_crls > 0);
        if (f->o->e.has_runtime_data && sv_json_parse(sv_buf_bytes(&f->o->e.runtime_data),
                                                      "snp.hcl.runtime_data", &runtime, NULL) == 0)
                sv_json_set(made, "hcl_runtime_data", runtime);
        *claims = sv_json_ref(made);
        return 0;
}

int sv_snp_tee_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                      struct sv_json **claims, struct sv_err *err)
{
        struct found f = {.o = (const struct sv_snp_opened *)e};
        int r;

        choose_certificates(&in->collateral, in->any_root, &f);
        r = prove_report(in, &f, err);
        if (r == 0)
                r = make_snp_claims(in, &f, claims, err);
        if (r == 0 && f.fresh && !in->skip_signatures) {
                sv_snp_cache_keep(in->cache, f.known);
                f.known = NULL;
        }
        free_snp_found(&f);
        return r;
}

int sv_snp_confirm_root(struct sv_json *claims, const struct sv_collateral *anchors, int64_t time,
                        struct sv_err *err)
{
        if (sv_json_bool(sv_json_pointer(claims, "/root/amd"), false))
                return 0;
        return sv_root_confirm(sv_json_str(sv_json_pointer(claims, "/root/sha256")), anchors,
                               "ark-root", "snp.root.form", "snp.chain.root", err);
}

int sv_snp_check_anchor(const char *kind, struct sv_bytes data, struct sv_err *err)
{
        return sv_anchor_check(data, "snp.root.form", err);
}
