/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/launch.h"

#include <stdio.h>

#define VMSA_GPA  0xfffffffff000ull /* KVM, svm/sev.c, INITIAL_VMSA_GPA */
#define FOUR_GIB  0x100000000ull
#define RESET_EIP 0xfffffff0u
#define VCPUS_MAX 4096u
/* of an image, as explained: small enough to say where two images differ */
#define RANGE     (64u << 10)

struct launch {
        const struct sv_sev_launch *in;
        struct sv_gctx g;
        struct sv_measurement *steps;
        struct sv_sev_meta meta;
        uint64_t firmware_gpa;
};

/* Notes what was just measured, and of what it was made (taken over; NULL: of nothing but its
 * place). The digest is the launch digest after it, so that two runs can be compared line by line.
 */
static void note_pages(struct launch *l, enum sv_snp_page type, uint64_t gpa, size_t pages,
                       const char *what, struct sv_json *inputs)
{
        struct sv_measure_step *s;

        if (!l->steps) {
                sv_json_free(inputs);
                return;
        }
        s = sv_measurement_step(l->steps);
        snprintf(s->reg, sizeof(s->reg), "launch_digest");
        snprintf(s->type, sizeof(s->type), "%s", sv_snp_page_name(type));
        snprintf(s->what, sizeof(s->what), "%zu page%s at 0x%llx: %s", pages, pages == 1 ? "" : "s",
                 (unsigned long long)gpa, what);
        memcpy(s->digest[1], l->g.ld, SV_SNP_DIGEST);
        s->digest_size[1] = SV_SNP_DIGEST;
        s->inputs = inputs ? inputs : sv_json_object();
}

static int add_image_pages(struct launch *l, uint64_t gpa, struct sv_bytes image, const char *what,
                           struct sv_err *err)
{
        SV_JSON *ranges = sv_json_object();
        uint8_t digest[SV_DIGEST_MAX];
        char name[64];

        if (l->steps && !(l->g.pages = sv_hash_new(SV_SHA256, err)))
                return -1;
        for (size_t at = 0, n; at < image.n; at += n) {
                n = image.n - at < RANGE ? image.n - at : RANGE;
                if (sv_gctx_contents(&l->g, SV_SNP_NORMAL, gpa + at, sv_bytes(image.p + at, n),
                                     err) < 0)
                        return -1;
                if (!l->g.pages)
                        continue;
                if (sv_hash_end(l->g.pages, digest, err) < 0)
                        return -1;
                snprintf(name, sizeof(name), "pages 0x%llx to 0x%llx",
                         (unsigned long long)(gpa + at), (unsigned long long)(gpa + at + n - 1));
                sv_json_set_hex(ranges, name, sv_bytes(digest, 32));
        }
        sv_hash_freep(&l->g.pages);
        note_pages(l, SV_SNP_NORMAL, gpa, image.n / SV_SNP_PAGE, what, sv_json_ref(ranges));
        return 0;
}

static int add_firmware_pages(struct launch *l, struct sv_err *err)
{
        struct sv_json *inputs;

        if (!l->in->firmware_digest)
                return add_image_pages(l, l->firmware_gpa, l->in->firmware, "firmware", err);
        memcpy(l->g.ld, l->in->firmware_digest, SV_SNP_DIGEST);
        inputs = sv_json_object();
        sv_json_set_hex(inputs, "digest", sv_bytes(l->g.ld, SV_SNP_DIGEST));
        note_pages(l, SV_SNP_NORMAL, l->firmware_gpa, l->in->firmware.n / SV_SNP_PAGE,
                   "firmware, by its digest", inputs);
        return 0;
}

/* The page type under which a monitor submits a section; the kernel hashes have contents of their
 * own. */
static enum sv_snp_page choose_section_page(const struct sv_sev_section *s, enum sv_vmm vmm)
{
        switch (s->type) {
        case SV_SEV_SEC_SECRETS:
                return SV_SNP_SECRETS;
        case SV_SEV_SEC_CPUID:
                return SV_SNP_CPUID;
        case SV_SEV_SEC_MEM:
                return vmm == SV_VMM_GCE ? SV_SNP_UNMEASURED : SV_SNP_ZERO;
        default:
                return SV_SNP_ZERO;
        }
}

static struct sv_json *hash_inputs(const struct sv_boot_hashes *h)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_hex(j, "kernel", sv_bytes(h->kernel, sizeof(h->kernel)));
        sv_json_set_hex(j, "initrd", sv_bytes(h->initrd, sizeof(h->initrd)));
        sv_json_set_hex(j, "command line", sv_bytes(h->cmdline, sizeof(h->cmdline)));
        return j;
}

static int add_firmware_section(struct launch *l, const struct sv_sev_section *s,
                                struct sv_err *err)
{
        enum sv_snp_page type = choose_section_page(s, l->in->vmm);
        struct sv_json *inputs = NULL;
        uint8_t page[SV_SNP_PAGE];

        if (s->type == SV_SEV_SEC_KERNEL_HASHES && l->in->hashes) {
                type = SV_SNP_NORMAL;
                if (sv_hash_table_page(&l->meta, l->in->hashes, page, err) < 0 ||
                    sv_gctx_contents(&l->g, type, s->gpa, sv_bytes(page, sizeof(page)), err) < 0)
                        return -1;
                inputs = hash_inputs(l->in->hashes);
        } else if (sv_gctx_blank(&l->g, type, s->gpa, s->len / SV_SNP_PAGE, err) < 0) {
                return -1;
        }
        note_pages(l, type, s->gpa, s->len / SV_SNP_PAGE, s->name, inputs);
        return 0;
}

/* In the order of the firmware's table; EC2 leaves the CPUID page to the end. */
static int add_firmware_sections(struct launch *l, struct sv_err *err)
{
        bool cpuid_last = l->in->vmm == SV_VMM_EC2;

        for (int pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < l->meta.n; i++) {
                        bool late = cpuid_last && l->meta.sections[i].type == SV_SEV_SEC_CPUID;

                        if (late == (pass == 1) &&
                            add_firmware_section(l, &l->meta.sections[i], err) < 0)
                                return -1;
                }
        return 0;
}

/* The SVSM lies right below the firmware's variable store; it says where it begins. */
static int add_svsm_pages(struct launch *l, uint32_t *entry, struct sv_err *err)
{
        struct sv_footer f;
        uint64_t gpa = l->firmware_gpa - l->in->svsm_vars - l->in->svsm.n;
        uint32_t offset;

        if (sv_footer_parse(l->in->svsm, &f, err) < 0 ||
            sv_footer_words(&f, SV_GUID_SVSM_INFO, "SVSM_INFO", &offset, 1, err) < 0 ||
            sv_sev_meta_parse(&f, &l->meta, err) < 0)
                return sv_wrap(err, "the SVSM image");
        if (add_image_pages(l, gpa, l->in->svsm, "SVSM", err) < 0)
                return -1;
        *entry = (uint32_t)(gpa + offset);
        return 0;
}

static int add_vmsas(struct launch *l, const struct sv_vmsa_in *in, size_t count, const char *what,
                     struct sv_err *err)
{
        uint8_t page[SV_VMSA_SIZE], digest[SV_SNP_DIGEST];

        if (!count)
                return 0;
        sv_vmsa_make(in, page);
        if (sv_digest(SV_SHA384, sv_bytes(page, sizeof(page)), digest, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++)
                if (sv_gctx_digest(&l->g, SV_SNP_VMSA, VMSA_GPA, digest, err) < 0)
                        return -1;
        note_pages(l, SV_SNP_VMSA, VMSA_GPA, count, what, l->steps ? sv_vmsa_json(page) : NULL);
        return 0;
}

static int add_vcpu_states(struct launch *l, uint32_t svsm_entry, struct sv_err *err)
{
        const struct sv_sev_launch *in = l->in;
        struct sv_vmsa_in v = {.vmm = in->vmm,
                               .eip = RESET_EIP,
                               .cpu_sig = in->cpu_sig,
                               .features = in->features,
                               .old_fpu = in->old_fpu};

        if (in->svsm.n) {
                v.svsm = true;
                v.eip = svsm_entry;
                return add_vmsas(l, &v, in->vcpus, "VMSA of every vCPU, entering the SVSM", err);
        }
        if (in->vcpus > 1 && !l->meta.has_reset)
                return sv_fail(err, SV_FORMAT, "ovmf.footer.missing",
                               "the firmware does not say where further vCPUs begin (no "
                               "SEV_ES_RESET_BLOCK); it can start with one only");
        if (add_vmsas(l, &v, 1, "VMSA of the first vCPU", err) < 0)
                return -1;
        v.eip = l->meta.reset_eip;
        v.ap = true;
        return add_vmsas(l, &v, in->vcpus - 1, "VMSA of every further vCPU", err);
}

static int replay_launch(struct launch *l, struct sv_err *err)
{
        struct sv_footer f;
        uint32_t svsm_entry = 0;

        if (!l->in->vcpus || l->in->vcpus > VCPUS_MAX)
                return sv_fail(err, SV_USAGE, "sev.vcpus", "1 to %u vCPUs were expected, found %u",
                               VCPUS_MAX, l->in->vcpus);
        if (l->in->svsm.n && l->in->hashes)
                return sv_fail(err, SV_USAGE, "sev.svsm",
                               "a kernel cannot be measured through an SVSM: its metadata have no "
                               "place for hashes");
        if (sv_footer_parse(l->in->firmware, &f, err) < 0)
                return -1;
        l->firmware_gpa = FOUR_GIB - l->in->firmware.n;
        if (add_firmware_pages(l, err) < 0)
                return -1;
        if (l->in->svsm.n ? add_svsm_pages(l, &svsm_entry, err) < 0
                          : sv_sev_meta_parse(&f, &l->meta, err) < 0)
                return -1;
        if (l->in->hashes && !sv_sev_meta_find(&l->meta, SV_SEV_SEC_KERNEL_HASHES))
                return sv_fail(err, SV_FORMAT, "ovmf.sev.hashes",
                               "a kernel is given, but this firmware has no SNP_KERNEL_HASHES "
                               "section, so it could not check the kernel; use an "
                               "AmdSev build of OVMF");
        return add_firmware_sections(l, err) < 0 ? -1 : add_vcpu_states(l, svsm_entry, err);
}

int sv_sev_launch_digest(const struct sv_sev_launch *in, uint8_t digest[SV_SNP_DIGEST],
                         struct sv_measurement *steps, struct sv_err *err)
{
        struct launch l = {.in = in, .steps = steps};
        int r;

        if (sv_gctx_init(&l.g, err) < 0)
                return -1;
        r = replay_launch(&l, err);
        if (r == 0)
                memcpy(digest, l.g.ld, SV_SNP_DIGEST);
        sv_gctx_free(&l.g);
        return r;
}

int sv_sev_firmware_digest(struct sv_bytes firmware, uint8_t digest[SV_SNP_DIGEST],
                           struct sv_err *err)
{
        SV_GCTX g = {0};
        struct sv_footer f;

        if (sv_footer_parse(firmware, &f, err) < 0 || sv_gctx_init(&g, err) < 0 ||
            sv_gctx_contents(&g, SV_SNP_NORMAL, FOUR_GIB - firmware.n, firmware, err) < 0)
                return -1;
        memcpy(digest, g.ld, SV_SNP_DIGEST);
        return 0;
}
