/* SPDX-License-Identifier: Apache-2.0 */
/* What a report and the key that signed it say, as claims for policies and output. */
#include "sev/verify/floor.h"
#include "sev/verify/tee.h"
#include "sev/verify/verify.h"
#include "tee/limits.h"

static void add_vek_claims(struct sv_json *claims, const struct sv_snp_shown *s)
{
        struct sv_json *vek = sv_json_set(claims, "vek", sv_json_object());
        const struct sv_vek *v = s->vek;

        sv_json_set_str(vek, "key", v->key == SV_SEV_VLEK ? "vlek" : "vcek");
        sv_json_set_str(vek, "product", sv_sev_product_name(v->product));
        sv_json_set(vek, "tcb", sv_tcb_json(&v->tcb, v->product));
        if (v->hwid_size)
                sv_json_set_hex(vek, "hwid", sv_bytes(v->hwid, v->hwid_size));
        else
                sv_json_set_str(vek, "csp_id", v->csp_id);
        sv_json_set_hex(vek, "sha256", sv_bytes(s->vek_sha256, 32));
}

static void add_root(struct sv_json *claims, const struct sv_sev_root *r)
{
        struct sv_json *root = sv_json_set(claims, "root", sv_json_object());

        sv_json_set_bool(root, "amd", r && r->amd);
        if (r)
                sv_json_set_hex(root, "sha256", sv_bytes(r->sha256, 32));
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

struct sv_json *sv_snp_claims(const struct sv_snp_shown *s)
{
        const struct sv_report *r = s->report;
        struct sv_json *claims = sv_report_claims(r);

        add_snp_tcb(claims, r);
        add_vek_claims(claims, s);
        add_root(claims, s->root);
        sv_json_set(claims, "floor", sv_snp_floor_claims(r, s->vek->product));
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
        sv_json_set_bool(claims, "report_data_checked", s->report_data_checked);
        add_snp_limits(claims);
        return claims;
}
