/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/sevmeta.h"

#include "base/core/rd.h"

static const struct {
        uint32_t type;
        const char *name;
        bool one_page; /* the firmware of the processor takes exactly one */
} types[] = {
        {SV_SEV_SEC_MEM, "SNP_SEC_MEM", false},
        {SV_SEV_SEC_SECRETS, "SNP_SECRETS", true},
        {SV_SEV_SEC_CPUID, "CPUID", true},
        {SV_SEV_SEC_SVSM_CAA, "SVSM_CAA", false},
        {SV_SEV_SEC_KERNEL_HASHES, "SNP_KERNEL_HASHES", true},
};

const struct sv_sev_section *sv_sev_meta_find(const struct sv_sev_meta *m,
                                              enum sv_sev_section_type type)
{
        for (size_t i = 0; i < m->n; i++)
                if (m->sections[i].type == type)
                        return &m->sections[i];
        return NULL;
}

static int check_sev_section(const struct sv_sev_meta *m, struct sv_sev_section *s,
                             struct sv_err *err)
{
        bool one_page = false;

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                if (types[i].type != s->type)
                        continue;
                s->name = types[i].name;
                one_page = types[i].one_page;
        }
        if (!s->name)
                return sv_fail(err, SV_FORMAT, "ovmf.sev.section",
                               "section %zu has type 0x%x, which nobody knows; QEMU would refuse "
                               "to launch this firmware",
                               m->n, s->type);
        if (s->gpa % SV_PAGE || s->len % SV_PAGE || !s->len || s->len > UINT32_MAX - s->gpa)
                return sv_fail(
                        err, SV_FORMAT, "ovmf.sev.section",
                        "section %zu (%s) covers 0x%x bytes at 0x%x, not whole pages below 4 GiB",
                        m->n, s->name, s->len, s->gpa);
        if (one_page && s->len != SV_PAGE)
                return sv_fail(err, SV_FORMAT, "ovmf.sev.section",
                               "section %zu (%s) has 0x%x bytes; exactly one page was expected",
                               m->n, s->name, s->len);
        for (size_t i = 0; i < m->n; i++)
                if (s->gpa < m->sections[i].gpa + m->sections[i].len &&
                    m->sections[i].gpa < s->gpa + s->len)
                        return sv_fail(err, SV_FORMAT, "ovmf.sev.section",
                                       "sections %zu (%s) and %zu (%s) overlap at 0x%x", i,
                                       m->sections[i].name, m->n, s->name, s->gpa);
        return 0;
}

/* "ASEV", u32 size of the whole, u32 version, u32 number, then {u32 gpa, u32 len, u32 type}. */
static int read_sev_sections(struct sv_bytes image, uint32_t from_end, struct sv_sev_meta *m,
                             struct sv_err *err)
{
        struct sv_rd all = sv_rd(image), r;
        uint32_t size, version, n;

        if (from_end > image.n || from_end < 16)
                return sv_fail(err, SV_FORMAT, "ovmf.sev.metadata",
                               "the SEV metadata are said to lie %u bytes before the end of an "
                               "image of %zu",
                               from_end, image.n);
        sv_rd_seek(&all, image.n - from_end);
        if (sv_rd_u32le(&all) != 0x56455341) /* "ASEV" */
                return sv_fail(err, SV_FORMAT, "ovmf.sev.metadata",
                               "the SEV metadata do not begin with \"ASEV\"");
        size = sv_rd_u32le(&all);
        if (size < 8)
                return sv_fail(err, SV_FORMAT, "ovmf.sev.metadata",
                               "the SEV metadata say they have %u bytes", size);
        r = sv_rd_sub(&all, size - 8);
        version = sv_rd_u32le(&r);
        n = sv_rd_u32le(&r);
        if (sv_rd_ok(&r, "ovmf.sev.metadata", "the SEV metadata table", err) < 0)
                return -1;
        if (version != 1)
                return sv_fail(err, SV_FORMAT, "ovmf.sev.metadata",
                               "version 1 of the SEV metadata was expected, this is %u", version);
        if (n > SV_SEV_SECTIONS_MAX)
                return sv_fail(err, SV_FORMAT, "ovmf.sev.metadata",
                               "%u sections, at most %d were expected", n, SV_SEV_SECTIONS_MAX);
        for (; m->n < n; m->n++) {
                struct sv_sev_section *s = &m->sections[m->n];

                s->gpa = sv_rd_u32le(&r);
                s->len = sv_rd_u32le(&r);
                s->type = sv_rd_u32le(&r);
                if (sv_rd_ok(&r, "ovmf.sev.metadata", "the SEV metadata table", err) < 0 ||
                    check_sev_section(m, s, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_sev_meta_parse(const struct sv_footer *footer, struct sv_sev_meta *out, struct sv_err *err)
{
        struct sv_sev_meta m = {0};
        struct sv_bytes data;
        uint32_t from_end, hash[2];

        if (!sv_footer_get(footer, SV_GUID_SEV_METADATA, &data))
                return sv_fail(err, SV_FORMAT, "ovmf.sev.metadata",
                               "this firmware has no SEV metadata: it cannot start as an SNP "
                               "guest; use an AmdSev build (Debian: package "
                               "ovmf-amdsev, OVMF.amdsev.fd)");
        if (sv_footer_words(footer, SV_GUID_SEV_METADATA, "SEV_METADATA", &from_end, 1, err) < 0 ||
            read_sev_sections(footer->image, from_end, &m, err) < 0)
                return -1;
        m.has_reset = sv_footer_get(footer, SV_GUID_SEV_ES_RESET, &data);
        if (m.has_reset && sv_footer_words(footer, SV_GUID_SEV_ES_RESET, "SEV_ES_RESET_BLOCK",
                                           &m.reset_eip, 1, err) < 0)
                return -1;
        m.has_hash_table = sv_footer_get(footer, SV_GUID_SEV_HASH_TABLE, &data);
        if (m.has_hash_table &&
            sv_footer_words(footer, SV_GUID_SEV_HASH_TABLE, "SEV_HASH_TABLE_RV", hash, 2, err) < 0)
                return -1;
        m.hash_gpa = m.has_hash_table ? hash[0] : 0;
        m.hash_size = m.has_hash_table ? hash[1] : 0;
        *out = m;
        return 0;
}
