/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/vmsa.h"

#include <stdio.h>
#include <string.h>

const char *sv_vmm_name(enum sv_vmm vmm)
{
        static const char *const names[SV_VMMS] = {"qemu", "ec2", "gce"};

        return names[vmm];
}

int sv_vmm_by_name(const char *name, enum sv_vmm *out, struct sv_err *err)
{
        for (enum sv_vmm v = 0; v < SV_VMMS; v++) {
                if (strcmp(sv_vmm_name(v), name))
                        continue;
                *out = v;
                return 0;
        }
        return sv_fail(
                err, SV_USAGE, "sev.vmm",
                "\"%s\" is no virtual machine monitor that we know; expected qemu, ec2 or gce",
                name);
}

/* Fields that are not zero at reset, with their value for each monitor. A segment is selector,
 * attributes, limit, base (2, 2, 4, 8 bytes). The EC2 column's rdx and the two FPU fields were read
 * off real launches (facts: sev-snp-measure 2026-04). */
static const struct {
        const char *name;
        uint16_t at;
        uint8_t size;
        uint64_t value[SV_VMMS]; /* QEMU, EC2, GCE */
} fields[] = {
        {"es.selector", 0x000, 2, {0, 0, 0}},
        {"es.attrib", 0x002, 2, {0x93, 0x93, 0x93}},
        {"es.limit", 0x004, 4, {0xffff, 0xffff, 0xffff}},
        {"cs.selector", 0x010, 2, {0xf000, 0xf000, 0xf000}},
        {"cs.attrib", 0x012, 2, {0x9b, 0x9a, 0x9b}},
        {"cs.limit", 0x014, 4, {0xffff, 0xffff, 0xffff}},
        {"cs.base", 0x018, 8, {0, 0, 0}}, /* from the reset address */
        {"ss.selector", 0x020, 2, {0, 0, 0}},
        {"ss.attrib", 0x022, 2, {0x93, 0x92, 0x93}},
        {"ss.limit", 0x024, 4, {0xffff, 0xffff, 0xffff}},
        {"ds.selector", 0x030, 2, {0, 0, 0}},
        {"ds.attrib", 0x032, 2, {0x93, 0x93, 0x93}},
        {"ds.limit", 0x034, 4, {0xffff, 0xffff, 0xffff}},
        {"fs.selector", 0x040, 2, {0, 0, 0}},
        {"fs.attrib", 0x042, 2, {0x93, 0x93, 0x93}},
        {"fs.limit", 0x044, 4, {0xffff, 0xffff, 0xffff}},
        {"gs.selector", 0x050, 2, {0, 0, 0}},
        {"gs.attrib", 0x052, 2, {0x93, 0x93, 0x93}},
        {"gs.limit", 0x054, 4, {0xffff, 0xffff, 0xffff}},
        {"gdtr.limit", 0x064, 4, {0xffff, 0xffff, 0xffff}},
        {"ldtr.attrib", 0x072, 2, {0x82, 0x82, 0x82}},
        {"ldtr.limit", 0x074, 4, {0xffff, 0xffff, 0xffff}},
        {"idtr.limit", 0x084, 4, {0xffff, 0xffff, 0xffff}},
        {"tr.attrib", 0x092, 2, {0x8b, 0x83, 0x8b}},
        {"tr.limit", 0x094, 4, {0xffff, 0xffff, 0xffff}},
        {"efer", 0x0d0, 8, {0x1000, 0x1000, 0x1000}},
        {"cr4", 0x148, 8, {0x40, 0x40, 0x40}},
        {"cr0", 0x158, 8, {0x10, 0x10, 0x10}},
        {"dr7", 0x160, 8, {0x400, 0x400, 0x400}},
        {"dr6", 0x168, 8, {0xffff0ff0, 0xffff0ff0, 0xffff0ff0}},
        {"rflags", 0x170, 8, {2, 2, 2}},
        {"rip", 0x178, 8, {0, 0, 0}}, /* from the reset address */
        {"g_pat", 0x268, 8, {0x0007040600070406, 0x0007040600070406, 0x70106}},
        {"rdx", 0x310, 8, {0, 0x600, 0x600}}, /* QEMU: the CPU signature */
        {"sev_features", 0x3b0, 8, {0, 0, 0}},
        {"xcr0", 0x3e8, 8, {1, 1, 1}},
        {"mxcsr", 0x408, 4, {0x1f80, 0, 0}},
        {"x87_fcw", 0x410, 2, {0x37f, 0, 0}},
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static void set_vmsa_field(uint8_t *page, const char *name, uint64_t value)
{
        for (size_t i = 0; i < N_FIELDS; i++)
                for (size_t k = 0; !strcmp(fields[i].name, name) && k < fields[i].size; k++)
                        page[fields[i].at + k] = (uint8_t)(value >> (8 * k));
}

/* An SVSM is entered in protected mode with flat segments (coconut-svsm, stage 2 or its IGVM-less
 * launch). */
static void set_svsm(uint8_t *page, const struct sv_vmsa_in *in)
{
        static const char *const flat[] = {"es", "ss", "ds", "fs"};
        char name[16];

        for (size_t i = 0; i < sizeof(flat) / sizeof(flat[0]); i++) {
                snprintf(name, sizeof(name), "%s.selector", flat[i]);
                set_vmsa_field(page, name, 0x10);
                snprintf(name, sizeof(name), "%s.attrib", flat[i]);
                set_vmsa_field(page, name, 0xc93);
                snprintf(name, sizeof(name), "%s.limit", flat[i]);
                set_vmsa_field(page, name, 0xffffffff);
        }
        set_vmsa_field(page, "cs.selector", 0x08);
        set_vmsa_field(page, "cs.attrib", 0xc9b);
        set_vmsa_field(page, "cs.limit", 0xffffffff);
        set_vmsa_field(page, "cs.base", 0);
        set_vmsa_field(page, "cr0", 0x11);
        set_vmsa_field(page, "rip", in->eip);
}

void sv_vmsa_make(const struct sv_vmsa_in *in, uint8_t page[SV_VMSA_SIZE])
{
        memset(page, 0, SV_VMSA_SIZE);
        for (size_t i = 0; i < N_FIELDS; i++)
                set_vmsa_field(page, fields[i].name, fields[i].value[in->vmm]);
        set_vmsa_field(page, "cs.base", in->eip & 0xffff0000);
        set_vmsa_field(page, "rip", in->eip & 0xffff);
        set_vmsa_field(page, "sev_features", in->features);
        if (in->vmm == SV_VMM_QEMU)
                set_vmsa_field(page, "rdx", in->cpu_sig);
        if (in->vmm == SV_VMM_EC2 && in->ap)
                set_vmsa_field(page, "cs.attrib", 0x9b);
        if (in->svsm)
                set_svsm(page, in);
        if (in->old_fpu) {
                set_vmsa_field(page, "mxcsr", 0);
                set_vmsa_field(page, "x87_fcw", 0);
        }
}

void sv_vmsa_each(const uint8_t page[SV_VMSA_SIZE],
                  void (*fn)(void *arg, const char *field, unsigned offset, uint64_t value),
                  void *arg)
{
        for (size_t i = 0; i < N_FIELDS; i++) {
                uint64_t v = 0;

                for (size_t k = fields[i].size; k > 0; k--)
                        v = v << 8 | page[fields[i].at + k - 1];
                if (v)
                        fn(arg, fields[i].name, fields[i].at, v);
        }
}

/* The two fields that are better known by another name. */
static void set_field(void *arg, const char *field, unsigned offset, uint64_t value)
{
        const char *also = !strcmp(field, "rdx")            ? " (CPU signature)"
                           : !strcmp(field, "sev_features") ? " (guest features)"
                                                            : "";
        char name[48], text[20];

        snprintf(name, sizeof(name), "%s%s", field, also);
        snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
        sv_json_set_str(arg, name, text);
}

struct sv_json *sv_vmsa_json(const uint8_t page[SV_VMSA_SIZE])
{
        struct sv_json *j = sv_json_object();

        sv_vmsa_each(page, set_field, j);
        return j;
}
