/* SPDX-License-Identifier: Apache-2.0 */
/* From evidence and collateral to claims. */
#include "sev/verify/opened.h"
#include "sev/verify/hcl.h"
#include "sev/verify/cached.h"
#include "sev/verify/floor.h"
#include "sev/verify/tee.h"
#include "tee/limits.h"
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
                                .skip_signatures = in->skip_signatures};
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

static void add_vek_claims(struct sv_json *claims, const struct found *f)
{
        struct sv_json *vek = sv_json_set(claims, "vek", sv_json_object());
        const struct sv_vek *v = &f->s->signer.vek;
        uint8_t digest[32];

        sv_json_set_str(vek, "key", v->key == SV_SEV_VLEK ? "vlek" : "vcek");
        sv_json_set_str(vek, "product", sv_sev_product_name(v->product));
        sv_json_set(vek, "tcb", sv_tcb_json(&v->tcb, v->product));
        if (v->hwid_size)
                sv_json_set_hex(vek, "hwid", sv_bytes(v->hwid, v->hwid_size));
        else
                sv_json_set_str(vek, "csp_id", v->csp_id);
        sv_cert_fingerprint(f->s->vek.list[0], digest);
        sv_json_set_hex(vek, "sha256", sv_bytes(digest, 32));
}

/* Without signatures (fuzzing) no chain was verified, and there is no root to name. */
static void add_root(struct sv_json *claims, const struct found *f)
{
        struct sv_json *root = sv_json_set(claims, "root", sv_json_object());
        const struct sv_snp_signer *s = &f->s->signer;

        sv_json_set_bool(root, "amd", s->key && s->root.amd);
        if (s->key)
                sv_json_set_hex(root, "sha256", sv_bytes(s->root.sha256, 32));
}

/* How the four TCBs stand to each other, by component: a chain that AMD's firmware keeps in order.
 */
static void add_snp_tcb(struct sv_json *claims, const struct sv_report *r)
{
        struct sv_json *tcb = sv_json_set(claims, "tcb", sv_json_object());
        bool behind = !sv_tcb_equal(&r->committed_tcb, &r->current_tcb) ||
                      r->committed_build != r->current_build ||
                      r->committed_minor != r->current_minor ||
                      r->committed_major != r->current_major;

        sv_json_set(tcb, "reported", sv_tcb_json(&r->reported_tcb, r->product));
        sv_json_set(tcb, "committed", sv_tcb_json(&r->committed_tcb, r->product));
        sv_json_set(tcb, "current", sv_tcb_json(&r->current_tcb, r->product));
        sv_json_set(tcb, "launch", sv_tcb_json(&r->launch_tcb, r->product));
        sv_json_set_bool(tcb, "provisional", behind);
        sv_json_set_bool(tcb, "committed_covers_reported",
                         sv_tcb_at_least(&r->committed_tcb, &r->reported_tcb));
        sv_json_set_bool(tcb, "current_covers_committed",
                         sv_tcb_at_least(&r->current_tcb, &r->committed_tcb));
        sv_json_set_bool(tcb, "launch_covers_reported",
                         sv_tcb_at_least(&r->launch_tcb, &r->reported_tcb));
}

/* Whether the image of this launch digest brings its own tables, and what its firmware does with
 * the host's option ROMs, only the policy's author knows. */
static void add_snp_limits(struct sv_json *claims)
{
        sv_claims_limit(claims, "configuration",
                        "the launch digest does not cover the machine's ACPI tables, which hold "
                        "code of the host's that runs in the guest: a measured image (secure-vm "
                        "image uki) brings its own",
                        SV_SNP_ACPI_LIMIT);
        sv_claims_limit(claims, "executables",
                        "no report says that the firmware runs no option ROM of a device that the "
                        "host puts in",
                        SV_SNP_ROM_LIMIT);
        sv_claims_limit(claims, "sourced-data", SV_LIMIT_OUTSIDE, NULL);
}

static struct sv_json *make_snp_claims(const struct sv_verify_in *in, const struct found *f)
{
        const struct sv_report *r = &f->o->report;
        struct sv_json *claims = sv_report_claims(r);
        struct sv_json *runtime = NULL;

        add_snp_tcb(claims, r);
        add_vek_claims(claims, f);
        add_root(claims, f);
        sv_json_set(claims, "floor", sv_snp_floor_claims(r, f->s->signer.vek.product));
        /* One number for "at least": the versions compare as major, minor, build. */
        sv_json_set_int(claims, "current_firmware",
                        (int64_t)r->current_major << 16 | r->current_minor << 8 | r->current_build);
        sv_json_set_int(claims, "committed_firmware",
                        (int64_t)r->committed_major << 16 | r->committed_minor << 8 |
                                r->committed_build);
        /* A guest that refuses SMT does not start where it is on: the two together are no real
         * report. */
        sv_json_set_bool(claims, "smt_agrees",
                         r->policy & SV_SNP_POLICY_SMT || !(r->platform_info & 1));
        sv_json_set_bool(claims, "crl_checked", f->s->n_crls > 0);
        sv_json_set_bool(claims, "report_data_checked", in->report_data.n > 0);
        add_snp_limits(claims);
        if (f->o->e.has_runtime_data && sv_json_parse(sv_buf_bytes(&f->o->e.runtime_data),
                                                      "snp.hcl.runtime_data", &runtime, NULL) == 0)
                sv_json_set(claims, "hcl_runtime_data", runtime);
        return claims;
}

int sv_snp_tee_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                      struct sv_json **claims, struct sv_err *err)
{
        struct found f = {.o = (const struct sv_snp_opened *)e};
        int r;

        choose_certificates(&in->collateral, in->any_root, &f);
        r = prove_report(in, &f, err);
        if (r == 0) {
                *claims = make_snp_claims(in, &f);
                if (f.fresh && !in->skip_signatures) {
                        sv_snp_cache_keep(in->cache, f.known);
                        f.known = NULL;
                }
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
