/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/igvm.h"

#include <stdio.h>

#include "ovmf/igvm.h"
#include "sev/measure/vmsa.h"

#define VMSA_GPA 0xfffffffff000ull

struct run {
        struct sv_gctx g;
        struct sv_measurement *steps;
        bool strict;
        unsigned vmsas;
};

static int note_igvm_pages(struct run *r, enum sv_snp_page type, const struct sv_igvm_item *item,
                           struct sv_err *err)
{
        uint8_t digest[SV_DIGEST_MAX];
        struct sv_measure_step *s;

        if (!r->steps)
                return 0;
        s = sv_measurement_step(r->steps);
        snprintf(s->reg, sizeof(s->reg), "launch_digest");
        snprintf(s->type, sizeof(s->type), "%s", sv_snp_page_name(type));
        snprintf(s->what, sizeof(s->what), "%llu page%s at 0x%llx",
                 (unsigned long long)item->n_pages, item->n_pages == 1 ? "" : "s",
                 (unsigned long long)item->gpa);
        memcpy(s->digest[1], r->g.ld, SV_SNP_DIGEST);
        s->digest_size[1] = SV_SNP_DIGEST;
        if (type == SV_SNP_VMSA && item->contents.n == SV_VMSA_SIZE)
                s->inputs = sv_vmsa_json(item->contents.p);
        else
                s->inputs = sv_json_object();
        if (sv_hash_end(r->g.pages, digest, err) < 0)
                return -1;
        if (type == SV_SNP_NORMAL)
                sv_json_set_hex(s->inputs, "contents", sv_bytes(digest, 32));
        return 0;
}

static enum sv_snp_page choose_page_type(const struct sv_igvm_item *item)
{
        if (item->what == SV_IGVM_VP_CONTEXT)
                return SV_SNP_VMSA;
        if (item->unmeasured)
                return SV_SNP_UNMEASURED;
        return item->data == SV_IGVM_SECRETS  ? SV_SNP_SECRETS
               : item->data == SV_IGVM_NORMAL ? SV_SNP_NORMAL
                                              : SV_SNP_CPUID;
}

static int check_kvm_takes(struct run *r, const struct sv_igvm_item *item, struct sv_err *err)
{
        bool vmsa = item->what == SV_IGVM_VP_CONTEXT;

        if (r->strict && vmsa && item->gpa != VMSA_GPA)
                return sv_fail(
                        err, SV_FORMAT, "igvm.kvm",
                        "the VMSA is at 0x%llx; KVM puts it at 0x%llx, so the digest would differ",
                        (unsigned long long)item->gpa, VMSA_GPA);
        if (r->strict && r->vmsas)
                return sv_fail(err, SV_FORMAT, "igvm.kvm",
                               "%s after the VMSA; KVM measures one VMSA, and it last",
                               vmsa ? "another VMSA" : "a page");
        r->vmsas += vmsa;
        return 0;
}

static int measure_igvm_item(void *arg, const struct sv_igvm_item *item, struct sv_err *err)
{
        static const uint8_t zeros[SV_SNP_PAGE];
        struct run *r = arg;
        enum sv_snp_page type = choose_page_type(item);
        struct sv_bytes contents =
                item->contents.n ? item->contents : sv_bytes(zeros, sizeof(zeros));
        int ret;

        if (item->shared)
                return 0; /* the host's page */
        if (check_kvm_takes(r, item, err) < 0)
                return -1;
        if (type == SV_SNP_NORMAL || type == SV_SNP_VMSA)
                ret = sv_gctx_contents(&r->g, type, item->gpa, contents, err);
        else
                ret = sv_gctx_blank(&r->g, type, item->gpa, item->n_pages, err);
        return ret == 0 ? note_igvm_pages(r, type, item, err) : -1;
}

int sv_sev_igvm_digest(struct sv_bytes file, bool strict_kvm, uint8_t digest[SV_SNP_DIGEST],
                       bool *has_vmsa, struct sv_measurement *steps, struct sv_err *err)
{
        struct run r = {.steps = steps, .strict = strict_kvm};
        struct sv_igvm g;
        int ret;

        if (sv_igvm_parse(file, SV_IGVM_SEV_SNP, &g, err) < 0 || sv_gctx_init(&r.g, err) < 0)
                return -1;
        r.g.pages = steps ? sv_hash_new(SV_SHA256, err) : NULL;
        ret = steps && !r.g.pages ? -1 : sv_igvm_each(&g, measure_igvm_item, &r, err);
        if (ret == 0) {
                memcpy(digest, r.g.ld, SV_SNP_DIGEST);
                *has_vmsa = r.vmsas > 0;
        }
        sv_gctx_free(&r.g);
        return ret;
}
