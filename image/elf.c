/* SPDX-License-Identifier: Apache-2.0 */
#include "image/elf.h"

#include <elf.h>

#define LOADS_MAX   32
#define DYNAMIC_MAX 4096 /* entries read before the table is taken for broken */

struct segment {
        uint32_t type;
        uint64_t offset;
        uint64_t vaddr;
        uint64_t size; /* in the file */
};

struct file {
        struct sv_bytes all;
        struct segment loads[LOADS_MAX];
        size_t n_loads;
        struct segment dynamic;
        struct segment interp;
};

static int read_ident(struct sv_rd *r, struct sv_err *err)
{
        const uint8_t *ident = sv_rd_take(r, EI_NIDENT);

        if (!ident || memcmp(ident, ELFMAG, SELFMAG) != 0)
                return sv_fail(err, SV_FORMAT, "image.elf.magic", "not an ELF file");
        if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
            ident[EI_VERSION] != EV_CURRENT)
                return sv_fail(err, SV_FORMAT, "image.elf.class",
                               "expected a 64-bit little endian ELF file of version 1");
        return 0;
}

static int add_segment(struct file *f, const struct segment *s, struct sv_err *err)
{
        if (s->type == PT_LOAD) {
                if (f->n_loads == LOADS_MAX)
                        return sv_fail(err, SV_FORMAT, "image.elf.segments",
                                       "more than %d loaded segments", LOADS_MAX);
                f->loads[f->n_loads++] = *s;
        } else if (s->type == PT_DYNAMIC || s->type == PT_INTERP) {
                struct segment *where = s->type == PT_DYNAMIC ? &f->dynamic : &f->interp;

                if (where->type)
                        return sv_fail(err, SV_FORMAT, "image.elf.segments",
                                       "two segments of type %u", s->type);
                *where = *s;
        }
        return 0;
}

static int read_segments(struct file *f, uint64_t offset, unsigned n, struct sv_err *err)
{
        struct sv_rd r = sv_rd(f->all);

        if (offset > f->all.n)
                return sv_fail(err, SV_FORMAT, "image.elf.segments",
                               "the program headers lie past the end of the file");
        sv_rd_seek(&r, (size_t)offset);
        for (unsigned i = 0; i < n; i++) {
                struct segment s = {.type = sv_rd_u32le(&r)};

                sv_rd_skip(&r, 4); /* flags */
                s.offset = sv_rd_u64le(&r);
                s.vaddr = sv_rd_u64le(&r);
                sv_rd_skip(&r, 8); /* physical address */
                s.size = sv_rd_u64le(&r);
                sv_rd_skip(&r, 16); /* size in memory, alignment */
                if (sv_rd_ok(&r, "image.elf.segments", "program header table", err) < 0 ||
                    add_segment(f, &s, err) < 0)
                        return -1;
        }
        return 0;
}

/* The file's bytes of a segment. */
static int find_contents(const struct file *f, const struct segment *s, struct sv_bytes *out,
                         const char *what, struct sv_err *err)
{
        if (s->offset > f->all.n || s->size > f->all.n - s->offset)
                return sv_fail(err, SV_FORMAT, "image.elf.segments",
                               "the %s segment lies past the end of the file", what);
        *out = sv_bytes(f->all.p + s->offset, (size_t)s->size);
        return 0;
}

/* `size` bytes at an address of the loaded image. */
static int find_address(const struct file *f, uint64_t vaddr, uint64_t size, struct sv_bytes *out,
                        struct sv_err *err)
{
        for (size_t i = 0; i < f->n_loads; i++) {
                const struct segment *s = &f->loads[i];
                struct sv_bytes b = SV_BYTES_NULL;

                if (vaddr < s->vaddr || vaddr - s->vaddr >= s->size)
                        continue;
                if (find_contents(f, s, &b, "loaded", err) < 0)
                        return -1;
                if (size > b.n - (vaddr - s->vaddr))
                        break;
                *out = sv_bytes(b.p + (vaddr - s->vaddr), (size_t)size);
                return 0;
        }
        return sv_fail(err, SV_FORMAT, "image.elf.strings",
                       "the string table is not in one loaded segment");
}

/* A terminated string in the table; NULL and an error when it does not end there. */
static const char *string_at(struct sv_bytes table, uint64_t offset, struct sv_err *err)
{
        if (offset >= table.n || !memchr(table.p + offset, 0, table.n - (size_t)offset)) {
                sv_fail(err, SV_FORMAT, "image.elf.strings",
                        "a name lies outside the string table");
                return NULL;
        }
        return (const char *)table.p + offset;
}

struct dynamic {
        uint64_t strtab;
        uint64_t strsz;
        uint64_t soname;
        uint64_t needed[SV_ELF_NEEDED_MAX];
        size_t n_needed;
        bool has_soname;
};

static int read_dynamic(struct sv_bytes table, struct dynamic *d, struct sv_err *err)
{
        struct sv_rd r = sv_rd(table);

        for (unsigned i = 0; i < DYNAMIC_MAX; i++) {
                uint64_t tag = sv_rd_u64le(&r);
                uint64_t value = sv_rd_u64le(&r);

                if (sv_rd_ok(&r, "image.elf.dynamic", "dynamic section", err) < 0)
                        return -1;
                if (tag == DT_NULL)
                        return 0;
                if (tag == DT_STRTAB)
                        d->strtab = value;
                if (tag == DT_STRSZ)
                        d->strsz = value;
                if (tag == DT_SONAME) {
                        d->soname = value;
                        d->has_soname = true;
                }
                if (tag == DT_NEEDED) {
                        if (d->n_needed == SV_ELF_NEEDED_MAX)
                                return sv_fail(err, SV_FORMAT, "image.elf.dynamic",
                                               "needs more than %d libraries", SV_ELF_NEEDED_MAX);
                        d->needed[d->n_needed++] = value;
                }
        }
        return sv_fail(err, SV_FORMAT, "image.elf.dynamic", "the dynamic section does not end");
}

static int read_names(const struct file *f, struct sv_elf *out, struct sv_err *err)
{
        struct dynamic d = {0};
        struct sv_bytes table = SV_BYTES_NULL, strings = SV_BYTES_NULL;

        if (find_contents(f, &f->dynamic, &table, "dynamic", err) < 0 ||
            read_dynamic(table, &d, err) < 0)
                return -1;
        if (!d.n_needed && !d.has_soname)
                return 0;
        if (find_address(f, d.strtab, d.strsz, &strings, err) < 0)
                return -1;
        if (d.has_soname && !(out->soname = string_at(strings, d.soname, err)))
                return -1;
        for (size_t i = 0; i < d.n_needed; i++) {
                const char *name = string_at(strings, d.needed[i], err);

                if (!name)
                        return -1;
                if (!*name || strchr(name, '/'))
                        return sv_fail(err, SV_FORMAT, "image.elf.needed",
                                       "\"%.80s\" is not the name of a library", name);
                out->needed[out->n_needed++] = name;
        }
        return 0;
}

static int read_interp(const struct file *f, struct sv_elf *out, struct sv_err *err)
{
        struct sv_bytes b = SV_BYTES_NULL;

        if (find_contents(f, &f->interp, &b, "interpreter", err) < 0)
                return -1;
        if (b.n < 2 || b.p[0] != '/' || memchr(b.p, 0, b.n) != b.p + b.n - 1)
                return sv_fail(err, SV_FORMAT, "image.elf.interp",
                               "the interpreter is not one absolute path");
        out->interp = (const char *)b.p;
        return 0;
}

int sv_elf_parse(struct sv_bytes bytes, struct sv_elf *out, struct sv_err *err)
{
        struct file f = {.all = bytes};
        struct sv_elf elf = {0};
        struct sv_rd r = sv_rd(bytes);

        if (read_ident(&r, err) < 0)
                return -1;

        unsigned type = sv_rd_u16le(&r);

        elf.machine = sv_rd_u16le(&r);
        sv_rd_skip(&r, 4 + 8); /* version, entry */

        uint64_t phoff = sv_rd_u64le(&r);

        sv_rd_skip(&r, 8 + 4 + 2); /* section headers, flags, size of this header */

        unsigned phentsize = sv_rd_u16le(&r);
        unsigned phnum = sv_rd_u16le(&r);

        sv_rd_skip(&r, 6); /* section headers' size, number, names */
        if (sv_rd_ok(&r, "image.elf.header", "ELF header", err) < 0)
                return -1;
        if (type != ET_EXEC && type != ET_DYN)
                return sv_fail(err, SV_FORMAT, "image.elf.type",
                               "expected a program or a shared object, found type %u", type);
        if (phnum && phentsize != sizeof(Elf64_Phdr))
                return sv_fail(err, SV_FORMAT, "image.elf.segments",
                               "program headers of %u bytes, expected 56", phentsize);
        if (read_segments(&f, phoff, phnum, err) < 0)
                return -1;
        if (f.interp.type && read_interp(&f, &elf, err) < 0)
                return -1;
        if (f.dynamic.type && read_names(&f, &elf, err) < 0)
                return -1;
        *out = elf;
        return 0;
}

/* --- relocatable files --- */

/* Is each section in the file? In a module their table is the last of them. */
static int check_sections(struct sv_bytes all, uint64_t offset, unsigned n, struct sv_err *err)
{
        struct sv_rd r = sv_rd(all);

        if (offset > all.n || (all.n - offset) / sizeof(Elf64_Shdr) < n)
                return sv_fail(err, SV_FORMAT, "image.elf.sections",
                               "the section headers lie past the end of the file, at byte %zu: it "
                               "is cut short",
                               all.n);
        sv_rd_seek(&r, (size_t)offset);
        for (unsigned i = 0; i < n; i++) {
                uint32_t type;
                uint64_t at, size;

                sv_rd_skip(&r, 4); /* name */
                type = sv_rd_u32le(&r);
                sv_rd_skip(&r, 16); /* flags, address */
                at = sv_rd_u64le(&r);
                size = sv_rd_u64le(&r);
                sv_rd_skip(&r, 24); /* link, info, alignment, size of an entry */
                if (type != SHT_NULL && type != SHT_NOBITS && (at > all.n || size > all.n - at))
                        return sv_fail(err, SV_FORMAT, "image.elf.sections",
                                       "section %u lies past the end of the file", i);
        }
        return 0;
}

int sv_elf_check_module(struct sv_bytes file, struct sv_err *err)
{
        struct sv_rd r = sv_rd(file);
        unsigned type, machine, entry, n;
        uint64_t offset;

        if (read_ident(&r, err) < 0)
                return -1;
        type = sv_rd_u16le(&r);
        machine = sv_rd_u16le(&r);
        sv_rd_skip(&r, 4 + 8 + 8); /* version, entry, program headers */
        offset = sv_rd_u64le(&r);
        sv_rd_skip(&r, 4 + 2 + 2 + 2); /* flags, sizes of headers, number of program headers */
        entry = sv_rd_u16le(&r);
        n = sv_rd_u16le(&r);
        sv_rd_skip(&r, 2); /* names */
        if (sv_rd_ok(&r, "image.elf.header", "ELF header", err) < 0)
                return -1;
        if (type != ET_REL || machine != EM_X86_64)
                return sv_fail(err, SV_FORMAT, "image.elf.type",
                               "expected a kernel module for x86-64 (ELF type 1, machine 62), "
                               "found type %u, machine %u",
                               type, machine);
        if (!n || entry != sizeof(Elf64_Shdr))
                return sv_fail(err, SV_FORMAT, "image.elf.sections",
                               "expected sections with headers of 64 bytes, found %u with %u", n,
                               entry);
        return check_sections(file, offset, n, err);
}
