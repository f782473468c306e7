/* From evidence and collateral to claims. */
#include <stdlib.h>

#include "sev/evidence.h"
#include "sev/hcl.h"
#include "sev/tee.h"
#include "sev/verify.h"

struct found {
        struct sv_snp_evidence e;
        struct sv_certs vek, ca, roots;
        struct sv_bytes crl[8];
        size_t n_crls;
        struct sv_report report;
        struct sv_vek v;
        bool test_root;
};

static void found_free(struct found *f)
{
        sv_snp_evidence_free(&f->e);
        sv_certs_free(&f->vek);
        sv_certs_free(&f->ca);
        sv_certs_free(&f->roots);
}

/* Every blob of this kind; true when there was one. */
static int take(const struct sv_collateral *c, const char *kind, const char *check, struct sv_certs *out, struct sv_err *err)
{
        struct sv_bytes data;

        for (size_t i = 0; sv_collateral_get(c, kind, i, &data); i++)
                if (sv_certs_parse(data, out, check, err) < 0)
                        return -1;
        return 0;
}

/* What the evidence brings of this kind, when nothing better is there. */
static int take_own(const struct sv_snp_evidence *e, enum sv_cert_kind kind, const char *check, struct sv_certs *out, struct sv_err *err)
{
        const struct sv_cert_entry *entry = sv_cert_table_find(&e->certs, kind);

        return entry ? sv_certs_parse(entry->data, out, check, err) : 0;
}

static int certificates(const struct sv_collateral *c, struct found *f, struct sv_err *err)
{
        const struct sv_cert_entry *crl = sv_cert_table_find(&f->e.certs, SV_CERT_CRL);
        struct sv_report r;

        if (sv_report_parse(sv_bytes(f->e.report, SV_REPORT_SIZE), &r, err) < 0 ||
            take(c, "vek", "snp.vek.form", &f->vek, err) < 0 || take(c, "ca", "snp.ca.form", &f->ca, err) < 0 ||
            take(c, "ark-root", "snp.root.form", &f->roots, err) < 0)
                return -1;
        if (!f->vek.n && take_own(&f->e, sv_report_signing_key(&r) == SV_SEV_VLEK ? SV_CERT_VLEK : SV_CERT_VCEK, "snp.vek.form", &f->vek, err) < 0)
                return -1;
        if (!f->ca.n && (take_own(&f->e, SV_CERT_ASK, "snp.ca.form", &f->ca, err) < 0 || take_own(&f->e, SV_CERT_ARK, "snp.ca.form", &f->ca, err) < 0))
                return -1;
        if (!f->vek.n)
                return sv_fail(err, SV_PROOF, "snp.vek.missing",
                               "neither the evidence nor the collateral has the VCEK or VLEK that signed the report: give one with --vek, or --fetch it");
        while (f->n_crls < sizeof(f->crl) / sizeof(f->crl[0]) && sv_collateral_get(c, "crl", f->n_crls, &f->crl[f->n_crls]))
                f->n_crls++;
        if (!f->n_crls && crl)
                f->crl[f->n_crls++] = crl->data;
        return 0;
}

static int prove(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        struct sv_snp_in snp = {
                .report = sv_bytes(f->e.report, SV_REPORT_SIZE),
                .chain = {.vek = f->vek.list[0], .ca = &f->ca, .crls = f->crl, .n_crls = f->n_crls, .test_roots = &f->roots, .time = in->time},
                .report_data = in->report_data,
                .skip_signatures = in->skip_signatures,
        };

        if (sv_snp_verify(&snp, &f->report, &f->v, &f->test_root, err) < 0)
                return -1;
        return f->e.has_runtime_data ? sv_hcl_bound(f->report.report_data, sv_buf_bytes(&f->e.runtime_data), err) : 0;
}

static void add_vek(struct sv_json *claims, const struct found *f)
{
        struct sv_json *vek = sv_json_set(claims, "vek", sv_json_object());
        uint8_t digest[32];

        sv_json_set_str(vek, "key", f->v.key == SV_SEV_VLEK ? "vlek" : "vcek");
        sv_json_set_str(vek, "product", sv_sev_product_name(f->v.product));
        sv_json_set(vek, "tcb", sv_tcb_json(&f->v.tcb, f->v.product));
        if (f->v.hwid_size)
                sv_json_set_hex(vek, "hwid", sv_bytes(f->v.hwid, f->v.hwid_size));
        else
                sv_json_set_str(vek, "csp_id", f->v.csp_id);
        sv_cert_fingerprint(f->vek.list[0], digest);
        sv_json_set_hex(vek, "sha256", sv_bytes(digest, 32));
}

static void add_root(struct sv_json *claims, const struct found *f)
{
        struct sv_json *root = sv_json_set(claims, "root", sv_json_object());
        char cn[256];

        sv_json_set_bool(root, "amd", !f->test_root);
        for (size_t i = 0; i < f->ca.n; i++) {
                uint8_t digest[32];

                sv_cert_subject_cn(f->ca.list[i], cn);
                if (strncmp(cn, "ARK-", 4))
                        continue;
                sv_cert_fingerprint(f->ca.list[i], digest);
                sv_json_set_hex(root, "sha256", sv_bytes(digest, 32));
                break;
        }
}

/* How the four TCBs stand to each other, by component: a chain that AMD's firmware keeps in order. */
static void add_tcb(struct sv_json *claims, const struct sv_report *r)
{
        struct sv_json *tcb = sv_json_set(claims, "tcb", sv_json_object());
        bool behind = !sv_tcb_equal(&r->committed_tcb, &r->current_tcb) || r->committed_build != r->current_build ||
                      r->committed_minor != r->current_minor || r->committed_major != r->current_major;

        sv_json_set(tcb, "reported", sv_tcb_json(&r->reported_tcb, r->product));
        sv_json_set(tcb, "committed", sv_tcb_json(&r->committed_tcb, r->product));
        sv_json_set(tcb, "current", sv_tcb_json(&r->current_tcb, r->product));
        sv_json_set(tcb, "launch", sv_tcb_json(&r->launch_tcb, r->product));
        sv_json_set_bool(tcb, "provisional", behind);
        sv_json_set_bool(tcb, "committed_covers_reported", sv_tcb_at_least(&r->committed_tcb, &r->reported_tcb));
        sv_json_set_bool(tcb, "current_covers_committed", sv_tcb_at_least(&r->current_tcb, &r->committed_tcb));
        sv_json_set_bool(tcb, "launch_covers_reported", sv_tcb_at_least(&r->launch_tcb, &r->reported_tcb));
}

static struct sv_json *claims_of(const struct sv_verify_in *in, const struct found *f)
{
        const struct sv_report *r = &f->report;
        struct sv_json *claims = sv_report_claims(r);
        struct sv_json *runtime = NULL;

        add_tcb(claims, r);
        add_vek(claims, f);
        add_root(claims, f);
        /* One number for "at least": the versions compare as major, minor, build. */
        sv_json_set_int(claims, "current_firmware", (int64_t)r->current_major << 16 | r->current_minor << 8 | r->current_build);
        sv_json_set_int(claims, "committed_firmware", (int64_t)r->committed_major << 16 | r->committed_minor << 8 | r->committed_build);
        /* A guest that refuses SMT does not start where it is on: the two together are no real report. */
        sv_json_set_bool(claims, "smt_agrees", r->policy & SV_SNP_POLICY_SMT || !(r->platform_info & 1));
        sv_json_set_bool(claims, "crl_checked", f->n_crls > 0);
        sv_json_set_bool(claims, "report_data_checked", in->report_data.n > 0);
        if (f->e.has_runtime_data && sv_json_parse(sv_buf_bytes(&f->e.runtime_data), "snp.hcl.runtime_data", &runtime, NULL) == 0)
                sv_json_set(claims, "hcl_runtime_data", runtime);
        return claims;
}

int sv_snp_tee_verify(const struct sv_verify_in *in, struct sv_json **claims, struct sv_err *err)
{
        struct found f = {0};
        int r = sv_snp_evidence_read(in->evidence, &f.e, err) < 0 || certificates(&in->collateral, &f, err) < 0 || prove(in, &f, err) < 0 ? -1 : 0;

        if (r == 0)
                *claims = claims_of(in, &f);
        found_free(&f);
        return r;
}
