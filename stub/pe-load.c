/* SPDX-License-Identifier: Apache-2.0 */
#include "stub/pe-load.h"

#define AMD64     0x8664u
#define PE32_PLUS 0x20bu
#define ROW_SIZE  40u
#define PAGE      4096u
#define NX_COMPAT 0x100u
#define EXECUTE   0x20000000u

struct section {
        const uint8_t *name;
        uint32_t virtual_size, address, raw_size, raw, flags;
};

/* Rows lie in the headers: sv_pe_load_read. */
static struct section get_section(const struct sv_pe_load *pe, struct sv_bytes image, unsigned i)
{
        struct sv_rd r = sv_rd(image);
        struct section s;

        sv_rd_seek(&r, pe->sections + (size_t)i * ROW_SIZE);
        s.name = sv_rd_take(&r, 8);
        s.virtual_size = sv_rd_u32le(&r);
        s.address = sv_rd_u32le(&r);
        s.raw_size = sv_rd_u32le(&r);
        s.raw = sv_rd_u32le(&r);
        sv_rd_skip(&r, 12);
        s.flags = sv_rd_u32le(&r);
        return s;
}

/* What of the file comes into memory. */
static uint32_t count_section_bytes(const struct section *s)
{
        return s->virtual_size && s->virtual_size < s->raw_size ? s->virtual_size : s->raw_size;
}

static uint32_t count_memory_bytes(const struct section *s)
{
        uint32_t n = count_section_bytes(s);

        return s->virtual_size > n ? s->virtual_size : n;
}

static int find_headers(struct sv_rd *r, struct sv_err *err)
{
        const uint8_t *mz = sv_rd_take(r, 2), *signature;

        sv_rd_seek(r, 0x3c);
        sv_rd_seek(r, sv_rd_u32le(r));
        signature = sv_rd_take(r, 4);
        if (!mz || !signature || memcmp(mz, "MZ", 2) != 0 || memcmp(signature, "PE\0\0", 4) != 0)
                return sv_fail(err, SV_FORMAT, "stub.pe.magic", "no PE image");
        return 0;
}

int sv_pe_load_read(struct sv_bytes image, struct sv_pe_load *out, struct sv_err *err)
{
        struct sv_pe_load pe = {0};
        struct sv_rd r = sv_rd(image);
        unsigned machine, optional_size, magic, align;
        size_t optional;

        if (find_headers(&r, err) < 0)
                return -1;
        machine = sv_rd_u16le(&r);
        pe.n_sections = sv_rd_u16le(&r);
        sv_rd_skip(&r, 12);
        optional_size = sv_rd_u16le(&r);
        sv_rd_skip(&r, 2);
        optional = r.pos;
        magic = sv_rd_u16le(&r);
        sv_rd_skip(&r, 14);
        pe.entry = sv_rd_u32le(&r);
        sv_rd_skip(&r, 12);
        align = sv_rd_u32le(&r);
        sv_rd_skip(&r, 20);
        pe.size = sv_rd_u32le(&r);
        pe.headers = sv_rd_u32le(&r);
        sv_rd_skip(&r, 6);
        pe.nx = sv_rd_u16le(&r) & NX_COMPAT && align && align % PAGE == 0;
        sv_rd_seek(&r, optional + optional_size);
        pe.sections = r.pos;
        sv_rd_skip(&r, (size_t)pe.n_sections * ROW_SIZE);
        if (r.bad || machine != AMD64 || magic != PE32_PLUS || optional_size < 112 ||
            pe.headers < r.pos || pe.headers > image.n || pe.headers > pe.size ||
            pe.size > SV_PE_LOAD_MAX || pe.entry >= pe.size)
                return sv_fail(err, SV_FORMAT, "stub.pe.header",
                               "no headers of an x86-64 image (machine 0x%x, type 0x%x, %u bytes "
                               "of headers, %u in memory)",
                               machine, magic, pe.headers, pe.size);
        *out = pe;
        return 0;
}

int sv_pe_load_check(const struct sv_pe_load *pe, struct sv_bytes file, struct sv_err *err)
{
        for (unsigned i = 0; i < pe->n_sections; i++) {
                struct section s = get_section(pe, file, i);
                uint32_t n = count_section_bytes(&s);
                uint32_t in_memory = count_memory_bytes(&s);

                if (n && (s.raw > file.n || n > file.n - s.raw))
                        return sv_fail(err, SV_FORMAT, "stub.pe.section",
                                       "section %u does not lie in the file", i + 1);
                if (in_memory > pe->size || s.address > pe->size - in_memory)
                        return sv_fail(err, SV_FORMAT, "stub.pe.section",
                                       "section %u does not lie in the image", i + 1);
        }
        return 0;
}

void sv_pe_load_place(const struct sv_pe_load *pe, struct sv_bytes file, uint8_t *memory)
{
        memset(memory, 0, pe->size);
        memcpy(memory, file.p, pe->headers);
        for (unsigned i = 0; i < pe->n_sections; i++) {
                struct section s = get_section(pe, file, i);

                if (count_section_bytes(&s))
                        memcpy(memory + s.address, file.p + s.raw, count_section_bytes(&s));
        }
}

bool sv_pe_load_code(const struct sv_pe_load *pe, struct sv_bytes file, unsigned i, uint32_t *at,
                     uint32_t *n)
{
        struct section s = get_section(pe, file, i);

        *at = s.address;
        *n = count_memory_bytes(&s);
        return s.flags & EXECUTE && *n;
}

int sv_pe_load_find(const struct sv_pe_load *pe, struct sv_bytes image, const char name[8],
                    struct sv_bytes *out, struct sv_err *err)
{
        for (unsigned i = 0; i < pe->n_sections; i++) {
                struct section s = get_section(pe, image, i);

                if (!s.name || memcmp(s.name, name, 8) != 0)
                        continue;
                if (s.address > image.n || s.virtual_size > image.n - s.address)
                        return sv_fail(err, SV_FORMAT, "stub.pe.section",
                                       "section %u does not lie in the image", i + 1);
                *out = sv_bytes(image.p + s.address, s.virtual_size);
                return 1;
        }
        return 0;
}
