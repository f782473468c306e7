/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/pe.h"

#include <string.h>

struct section {
        struct sv_bytes name;
        uint32_t memory; /* bytes in memory; what the file has beyond that is alignment */
        uint32_t at;
        uint32_t size;
};

struct headers {
        size_t checksum; /* offset of the image's checksum, which is left out */
        /* offset of the entry of the certificate table, left out too; 0 when the image has none */
        size_t certificates;
        uint32_t size; /* SizeOfHeaders */
        uint32_t cert_at, cert_size;
        struct sv_bytes strings; /* names longer than 8 bytes: behind the symbols */
        size_t n;
        struct section sections[SV_PE_SECTIONS_MAX];
};

/* The string table follows the symbols, 18 bytes each; firmware does not look at either, so one
 * that is not there is no error. */
static struct sv_bytes find_string_table(struct sv_bytes image, uint32_t symbols, uint32_t n)
{
        uint64_t at = symbols + (uint64_t)n * 18;

        return symbols && at < image.n ? sv_bytes(image.p + at, image.n - at) : SV_BYTES_NULL;
}

static int find_optional_header(struct sv_bytes image, struct sv_rd *r, unsigned *n_sections,
                                unsigned *optional_size, struct headers *h, struct sv_err *err)
{
        uint32_t symbols;

        if (!sv_pe_here(image))
                return sv_fail(err, SV_FORMAT, "ovmf.pe.magic",
                               "not a PE image: a kernel that firmware can start is one "
                               "(CONFIG_EFI_STUB)");
        sv_rd_seek(r, 0x3c);
        sv_rd_seek(r, sv_rd_u32le(r));
        sv_rd_skip(r, 4 + 2); /* signature, machine */
        *n_sections = sv_rd_u16le(r);
        sv_rd_skip(r, 4);
        symbols = sv_rd_u32le(r);
        h->strings = find_string_table(image, symbols, sv_rd_u32le(r));
        *optional_size = sv_rd_u16le(r);
        sv_rd_skip(r, 2);
        return sv_rd_ok(r, "ovmf.pe.header", "the PE header", err);
}

/* The certificate table is the fifth data directory; it comes with a file offset. */
static void read_directories(struct sv_rd r, size_t optional, unsigned magic, struct headers *h)
{
        size_t count = optional + (magic == 0x10b ? 92 : 108);

        sv_rd_seek(&r, count);
        if (sv_rd_u32le(&r) <= 4)
                return;
        h->certificates = count + 4 + 4 * 8;
        sv_rd_seek(&r, h->certificates);
        h->cert_at = sv_rd_u32le(&r);
        h->cert_size = sv_rd_u32le(&r);
}

/* In the order of the file, so that the digest does not depend on the order of the table. */
static void sort_pe_sections(struct headers *h)
{
        for (size_t i = 1; i < h->n; i++) {
                struct section s = h->sections[i];
                size_t k = i;

                for (; k > 0 && h->sections[k - 1].at > s.at; k--)
                        h->sections[k] = h->sections[k - 1];
                h->sections[k] = s;
        }
}

/* 8 bytes filled up with zeros, or "/" and a decimal offset into the string table (Microsoft
 * PE/COFF specification, section 4). */
static struct sv_bytes read_section_name(const uint8_t *field, struct sv_bytes strings)
{
        size_t at = 0;

        if (!field || field[0] != '/')
                return field ? sv_bytes(field, strnlen((const char *)field, 8)) : SV_BYTES_NULL;
        for (size_t i = 1; i < 8 && field[i] >= '0' && field[i] <= '9'; i++)
                at = at * 10 + (field[i] - '0');
        return at < strings.n ? sv_bytes(strings.p + at,
                                         strnlen((const char *)strings.p + at, strings.n - at))
                              : SV_BYTES_NULL;
}

static int read_pe_sections(struct sv_bytes image, struct sv_rd *r, unsigned n, struct headers *h,
                            struct sv_err *err)
{
        for (unsigned i = 0; i < n; i++) {
                struct section s;

                s.name = read_section_name(sv_rd_take(r, 8), h->strings);
                s.memory = sv_rd_u32le(r);
                sv_rd_skip(r, 4);
                s.size = sv_rd_u32le(r);
                s.at = sv_rd_u32le(r);
                sv_rd_skip(r, 16);
                if (sv_rd_ok(r, "ovmf.pe.sections", "the table of sections", err) < 0)
                        return -1;
                if (s.size == 0)
                        continue;
                if (s.at > image.n || s.size > image.n - s.at)
                        return sv_fail(err, SV_FORMAT, "ovmf.pe.sections",
                                       "section %u lies past the end of the file", i + 1);
                h->sections[h->n++] = s;
        }
        sort_pe_sections(h);
        return 0;
}

static int read_pe_headers(struct sv_bytes image, struct headers *h, struct sv_err *err)
{
        struct sv_rd r = sv_rd(image);
        unsigned n_sections = 0, optional_size = 0, magic;
        size_t optional;

        if (find_optional_header(image, &r, &n_sections, &optional_size, h, err) < 0)
                return -1;
        if (n_sections > SV_PE_SECTIONS_MAX)
                return sv_fail(err, SV_FORMAT, "ovmf.pe.sections",
                               "%u sections, at most %d are read", n_sections, SV_PE_SECTIONS_MAX);
        optional = r.pos;
        magic = sv_rd_u16le(&r);
        if (r.bad || (magic != 0x10b && magic != 0x20b) ||
            optional_size < (magic == 0x10b ? 96u : 112u))
                return sv_fail(err, SV_FORMAT, "ovmf.pe.header",
                               "an optional header of type 0x%x and %u bytes", magic,
                               optional_size);
        sv_rd_seek(&r, optional + 60);
        h->size = sv_rd_u32le(&r);
        h->checksum = optional + 64;
        read_directories(r, optional, magic, h);
        sv_rd_seek(&r, optional + optional_size);
        if (sv_rd_ok(&r, "ovmf.pe.header", "the optional header", err) < 0)
                return -1;
        if (h->certificates && h->certificates + 8 > r.pos)
                return sv_fail(err, SV_FORMAT, "ovmf.pe.header",
                               "the data directories do not lie in the optional header");
        if (read_pe_sections(image, &r, n_sections, h, err) < 0)
                return -1;
        if (h->size < r.pos || h->size > image.n)
                return sv_fail(err, SV_FORMAT, "ovmf.pe.header",
                               "headers of %u bytes, expected %zu to %zu", h->size, r.pos, image.n);
        return 0;
}

static void add_pe_part(struct sv_pe *pe, struct sv_bytes image, size_t from, size_t to)
{
        pe->parts[pe->n++] = sv_bytes(image.p + from, to - from);
}

bool sv_pe_here(struct sv_bytes image)
{
        struct sv_rd r = sv_rd(image);
        const uint8_t *mz = sv_rd_take(&r, 2), *pe;

        sv_rd_seek(&r, 0x3c);
        sv_rd_seek(&r, sv_rd_u32le(&r));
        pe = sv_rd_take(&r, 4);
        return mz && pe && memcmp(mz, "MZ", 2) == 0 && memcmp(pe, "PE\0\0", 4) == 0;
}

int sv_pe_parse(struct sv_bytes image, struct sv_pe *out, struct sv_err *err)
{
        struct headers h = {0};
        struct sv_pe pe = {.n = 0};
        uint64_t sum;

        if (read_pe_headers(image, &h, err) < 0)
                return -1;
        add_pe_part(&pe, image, 0, h.checksum);
        add_pe_part(&pe, image, h.checksum + 4, h.certificates ? h.certificates : h.size);
        if (h.certificates)
                add_pe_part(&pe, image, h.certificates + 8, h.size);
        sum = h.size;
        for (size_t i = 0; i < h.n; i++) {
                add_pe_part(&pe, image, h.sections[i].at, h.sections[i].at + h.sections[i].size);
                sum += h.sections[i].size;
        }
        /* What lies behind the sections is covered, the signatures at its end are not. */
        if (image.n > sum) {
                if (h.cert_size > image.n - sum)
                        return sv_fail(err, SV_FORMAT, "ovmf.pe.certificates",
                                       "%u bytes of certificates do not lie behind the sections",
                                       h.cert_size);
                add_pe_part(&pe, image, (size_t)sum, image.n - h.cert_size);
        }
        *out = pe;
        return 0;
}

int sv_pe_section(struct sv_bytes image, const char *name, struct sv_bytes *out, struct sv_err *err)
{
        struct headers h = {0};

        if (read_pe_headers(image, &h, err) < 0)
                return -1;
        for (size_t i = 0; i < h.n; i++)
                if (h.sections[i].name.n == strlen(name) &&
                    memcmp(h.sections[i].name.p, name, strlen(name)) == 0) {
                        const struct section *s = &h.sections[i];

                        *out = sv_bytes(image.p + s->at,
                                        s->memory && s->memory < s->size ? s->memory : s->size);
                        return 1;
                }
        return 0;
}

int sv_pe_signatures(struct sv_bytes image, struct sv_bytes out[SV_PE_SIGNATURES_MAX], size_t *n,
                     struct sv_err *err)
{
        struct headers h = {0};
        struct sv_rd table;

        *n = 0;
        if (read_pe_headers(image, &h, err) < 0)
                return -1;
        if (!h.cert_size)
                return 0;
        if (h.cert_at > image.n || h.cert_size != image.n - h.cert_at)
                return sv_fail(err, SV_FORMAT, "ovmf.pe.certificates",
                               "%u bytes of certificates at offset %u were expected to end the "
                               "image of %zu bytes",
                               h.cert_size, h.cert_at, image.n);
        table = sv_rd(sv_bytes(image.p + h.cert_at, h.cert_size));
        while (sv_rd_left(&table) > 0) {
                size_t start = table.pos;
                uint32_t size = sv_rd_u32le(&table);
                uint16_t type;
                struct sv_bytes data;

                sv_rd_skip(&table, 2); /* revision */
                type = sv_rd_u16le(&table);
                data = sv_rd_bytes(&table, size < 8 ? SIZE_MAX : size - 8);
                if (sv_rd_ok(&table, "ovmf.pe.certificates", "the table of certificates", err) < 0)
                        return -1;
                if (type == 2 && *n == SV_PE_SIGNATURES_MAX)
                        return sv_fail(err, SV_FORMAT, "ovmf.pe.certificates",
                                       "more than %d signatures", SV_PE_SIGNATURES_MAX);
                if (type == 2) /* WIN_CERT_TYPE_PKCS_SIGNED_DATA */
                        out[(*n)++] = data;
                start += (size + 7u) & ~7u;
                sv_rd_seek(&table, start < table.n ? start : table.n);
        }
        return 0;
}

int sv_pe_digest(const struct sv_pe *pe, enum sv_digest alg, uint8_t *out, struct sv_err *err)
{
        SV_HASH *h = sv_hash_new(alg, err);

        if (!h)
                return -1;
        for (size_t i = 0; i < pe->n; i++)
                if (sv_hash_put(h, pe->parts[i], err) < 0)
                        return -1;
        return sv_hash_end(h, out, err);
}
