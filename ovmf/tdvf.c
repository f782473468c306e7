/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/tdvf.h"

#include "base/core/rd.h"

#define GUID_TDVF "e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae"

const char *sv_tdvf_type_name(enum sv_tdvf_type type)
{
        static const char *const names[] = {"BFV", "CFV", "TD_HOB", "TempMem"};

        return names[type];
}

const struct sv_tdvf_section *sv_tdvf_find(const struct sv_tdvf *t, enum sv_tdvf_type type)
{
        for (size_t i = 0; i < t->n; i++)
                if (t->sections[i].type == type)
                        return &t->sections[i];
        return NULL;
}

static int fail_tdvf_section(const struct sv_tdvf *t, const struct sv_tdvf_section *s,
                             const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, "ovmf.tdvf.section",
                       "section %zu (%s, 0x%llx bytes at 0x%llx): %s", t->n,
                       sv_tdvf_type_name(s->type), (unsigned long long)s->size,
                       (unsigned long long)s->gpa, what);
}

static int check_tdvf_section(const struct sv_tdvf *t, const struct sv_tdvf_section *s,
                              uint32_t offset, uint32_t raw_size, struct sv_err *err)
{
        bool has_raw = s->type == SV_TDVF_BFV || s->type == SV_TDVF_CFV;

        if (s->gpa % SV_PAGE || s->size % SV_PAGE || !s->size || s->size > UINT64_MAX - s->gpa)
                return fail_tdvf_section(t, s, "no whole pages", err);
        if (s->size < raw_size)
                return fail_tdvf_section(t, s, "less memory than contents", err);
        if (has_raw != (raw_size > 0) || (!has_raw && offset))
                return fail_tdvf_section(
                        t, s, has_raw ? "contents were expected" : "contents where none may be",
                        err);
        if (s->type == SV_TDVF_TD_HOB && s->attributes & SV_TDVF_MR_EXTEND)
                return fail_tdvf_section(
                        t, s,
                        "its contents are to be measured, and are others with every size of "
                        "memory: no MRTD could be expected",
                        err);
        for (size_t i = 0; i < t->n; i++) {
                if (s->gpa < t->sections[i].gpa + t->sections[i].size &&
                    t->sections[i].gpa < s->gpa + s->size)
                        return fail_tdvf_section(t, s, "overlaps another section", err);
                if (s->type == SV_TDVF_TD_HOB && t->sections[i].type == SV_TDVF_TD_HOB)
                        return fail_tdvf_section(t, s, "a second place for the HOB list", err);
        }
        return 0;
}

static int read_tdvf_section(struct sv_bytes image, struct sv_rd *r, struct sv_tdvf *t,
                             struct sv_err *err)
{
        struct sv_tdvf_section s = {0};
        uint32_t offset = sv_rd_u32le(r), raw_size = sv_rd_u32le(r), type;
        struct sv_rd raw = sv_rd(image);

        s.gpa = sv_rd_u64le(r);
        s.size = sv_rd_u64le(r);
        type = sv_rd_u32le(r);
        s.attributes = sv_rd_u32le(r);
        if (sv_rd_ok(r, "ovmf.tdvf", "the TDVF descriptor", err) < 0)
                return -1;
        if (type > SV_TDVF_TEMP_MEM)
                return sv_fail(err, SV_FORMAT, "ovmf.tdvf.section",
                               "section %zu has type %u; QEMU launches types 0 to 3 only", t->n,
                               type);
        s.type = type;
        if (check_tdvf_section(t, &s, offset, raw_size, err) < 0)
                return -1;
        sv_rd_seek(&raw, offset);
        s.raw = sv_rd_bytes(&raw, raw_size);
        if (raw.bad)
                return fail_tdvf_section(t, &s, "its contents lie outside the image", err);
        /* QEMU copies as many bytes as the section has in memory, not as it has contents, and does
         * not look where the image ends. */
        if (s.raw.n && s.size > image.n - offset)
                return fail_tdvf_section(
                        t, &s, "it is filled from the image, and reaches beyond its end", err);
        if (s.raw.n)
                s.memory = sv_bytes(image.p + offset, (size_t)s.size);
        t->sections[t->n++] = s;
        return 0;
}

/* GUID, then u32 "TDVF", u32 length, u32 version, u32 number of sections; the offset in the footer
 * table points behind the GUID. */
static int find_tdvf_descriptor(const struct sv_footer *f, struct sv_rd *r, uint32_t *n,
                                struct sv_err *err)
{
        uint32_t from_end, length, version;
        const uint8_t *guid;
        char text[37];

        if (sv_footer_words(f, SV_GUID_TDX_METADATA, "TDX_METADATA", &from_end, 1, NULL) < 0)
                return sv_fail(err, SV_FORMAT, "ovmf.tdvf",
                               "this firmware has no TDX metadata: it cannot start a TD; use an "
                               "IntelTdx build (Debian: package ovmf-inteltdx)");
        if (from_end > f->image.n - 16 || from_end < 16)
                return sv_fail(err, SV_FORMAT, "ovmf.tdvf",
                               "the TDX metadata are said to lie %u bytes before the end of an "
                               "image of %zu",
                               from_end, f->image.n);
        *r = sv_rd(f->image);
        sv_rd_seek(r, f->image.n - from_end - 16);
        guid = sv_rd_take(r, 16);
        /* "TDVF" */
        if (!guid || strcmp(sv_guid_text(guid, text), GUID_TDVF) || sv_rd_u32le(r) != 0x46564454)
                return sv_fail(err, SV_FORMAT, "ovmf.tdvf",
                               "the TDX metadata do not begin with their GUID and \"TDVF\"");
        length = sv_rd_u32le(r);
        version = sv_rd_u32le(r);
        *n = sv_rd_u32le(r);
        if (version != 1 || !*n || *n > SV_TDVF_SECTIONS_MAX || length != 16 + 32 * *n)
                return sv_fail(err, SV_FORMAT, "ovmf.tdvf",
                               "version 1 with 1 to %d sections was expected, found version %u, %u "
                               "sections, %u bytes",
                               SV_TDVF_SECTIONS_MAX, version, *n, length);
        return sv_rd_ok(r, "ovmf.tdvf", "the TDVF descriptor", err);
}

int sv_tdvf_parse(struct sv_bytes image, struct sv_tdvf *out, struct sv_err *err)
{
        struct sv_tdvf t = {0};
        struct sv_footer f;
        struct sv_rd r;
        uint32_t n = 0;

        if (sv_footer_parse(image, &f, err) < 0 || find_tdvf_descriptor(&f, &r, &n, err) < 0)
                return -1;
        while (t.n < n)
                if (read_tdvf_section(image, &r, &t, err) < 0)
                        return -1;
        if (!sv_tdvf_find(&t, SV_TDVF_TD_HOB) || !sv_tdvf_find(&t, SV_TDVF_BFV))
                return sv_fail(
                        err, SV_FORMAT, "ovmf.tdvf.section",
                        "one place for the HOB list and a boot firmware volume were expected");
        *out = t;
        return 0;
}
