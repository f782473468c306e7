/* SPDX-License-Identifier: Apache-2.0 */
#include "stub/loader.h"

#define COMMAND_SIZE 128u

enum { END, ALLOCATE, ADD_POINTER, ADD_CHECKSUM, WRITE_POINTER };

struct pointer {
        struct sv_bundle_file *file, *source;
        uint32_t offset;
        uint8_t size;
};

static struct sv_bundle_file *read_file(struct sv_bundle *b, struct sv_rd *r)
{
        struct sv_bytes name = sv_rd_bytes(r, 56);
        size_t n = 0;

        while (n < name.n && name.p[n])
                n++;
        return sv_bundle_find(b, sv_bytes(name.p, n));
}

static int find_files(struct sv_bundle_file *const *files, size_t n, struct sv_err *err)
{
        for (size_t i = 0; i < n; i++)
                if (!files[i] || !files[i]->memory)
                        return sv_fail(err, SV_FORMAT, "stub.loader.name",
                                       "the loader script names a file that is not there, or not "
                                       "in memory yet");
        return 0;
}

static int allocate(struct sv_bundle *b, struct sv_rd *r, const struct sv_loader_memory *m,
                    struct sv_err *err)
{
        struct sv_bundle_file *f = read_file(b, r);
        uint32_t align = sv_rd_u32le(r);

        if (!f || f->memory)
                return sv_fail(err, SV_FORMAT, "stub.loader.name",
                               "the loader script allocates a file that is not there, or twice");
        if (align == 0 || align > 4096 || (align & (align - 1)))
                return sv_fail(err, SV_FORMAT, "stub.loader.align",
                               "an alignment of up to 4096 was expected, found %u", align);
        if (m->allocate(m, f, align, err) < 0)
                return -1;
        memset(f->memory, 0, f->size);
        if (f->content.n)
                memcpy(f->memory, f->content.p, f->content.n);
        return 0;
}

/* false: it does not lie in its file. */
static bool read_pointer(struct sv_bundle *b, struct sv_rd *r, struct pointer *p)
{
        p->file = read_file(b, r);
        p->source = read_file(b, r);
        p->offset = sv_rd_u32le(r);
        p->size = sv_rd_u8(r);
        return p->file && p->source && p->size <= 8 && p->size && !(p->size & (p->size - 1)) &&
               p->size <= p->file->size && p->offset <= p->file->size - p->size;
}

static int add_pointer(struct sv_bundle *b, struct sv_rd *r, struct sv_err *err)
{
        struct pointer p;
        uint64_t value = 0;
        bool fits = read_pointer(b, r, &p);

        if (find_files((struct sv_bundle_file *[]){p.file, p.source}, 2, err) < 0)
                return -1;
        for (size_t i = 0; fits && i < p.size; i++)
                value |= (uint64_t)p.file->memory[p.offset + i] << (8 * i);
        if (!fits || value >= p.source->size ||
            (p.size < 8 && (p.source->address + value) >> (8 * p.size)))
                return sv_fail(err, SV_FORMAT, "stub.loader.pointer",
                               "a pointer of %u bytes at offset %u does not fit", p.size, p.offset);
        value += p.source->address;
        for (size_t i = 0; i < p.size; i++)
                p.file->memory[p.offset + i] = (uint8_t)(value >> (8 * i));
        return 0;
}

static int add_checksum(struct sv_bundle *b, struct sv_rd *r, struct sv_err *err)
{
        struct sv_bundle_file *f = read_file(b, r);
        uint32_t result = sv_rd_u32le(r), start = sv_rd_u32le(r), length = sv_rd_u32le(r);
        uint8_t sum = 0;

        if (find_files(&f, 1, err) < 0)
                return -1;
        if (result >= f->size || length > f->size || start > f->size - length)
                return sv_fail(err, SV_FORMAT, "stub.loader.checksum",
                               "a checksum at offset %u, over %u bytes at %u, does not fit", result,
                               length, start);
        for (uint32_t i = 0; i < length; i++)
                sum = (uint8_t)(sum + f->memory[start + i]);
        f->memory[result] = (uint8_t)-sum;
        return 0;
}

static int run_command(struct sv_bundle *b, struct sv_rd *r, const struct sv_loader_memory *m,
                       struct sv_err *err)
{
        uint32_t command = sv_rd_u32le(r);

        switch (command) {
        case END:
        case WRITE_POINTER:
                return 0;
        case ALLOCATE:
                return allocate(b, r, m, err);
        case ADD_POINTER:
                return add_pointer(b, r, err);
        case ADD_CHECKSUM:
                return add_checksum(b, r, err);
        default:
                return sv_fail(err, SV_FORMAT, "stub.loader.command",
                               "the loader script has a command %u", command);
        }
}

int sv_loader_run(struct sv_bundle *b, const struct sv_loader_memory *m, uint64_t *rsdp,
                  struct sv_err *err)
{
        struct sv_bundle_file *script = sv_bundle_find(b, sv_bytes_str(SV_LOADER_SCRIPT));
        struct sv_bundle_file *root = sv_bundle_find(b, sv_bytes_str(SV_LOADER_RSDP));
        struct sv_rd r;

        if (!script || !root)
                return sv_fail(err, SV_FORMAT, "stub.loader.files",
                               "there is no %s, or no %s: no tables of a machine can be made",
                               SV_LOADER_SCRIPT, SV_LOADER_RSDP);
        r = sv_rd(script->content);
        while (sv_rd_left(&r)) {
                struct sv_rd command = sv_rd_sub(&r, COMMAND_SIZE);

                if (sv_rd_ok(&r, "stub.loader.command", "a command of the loader script", err) <
                            0 ||
                    run_command(b, &command, m, err) < 0)
                        return -1;
        }
        if (!root->memory)
                return sv_fail(err, SV_FORMAT, "stub.loader.files",
                               "the loader script allocates no %s", SV_LOADER_RSDP);
        *rsdp = root->address;
        return 0;
}

bool sv_loader_points(struct sv_bundle *b, uint64_t address, size_t n)
{
        struct sv_bundle_file *script = sv_bundle_find(b, sv_bytes_str(SV_LOADER_SCRIPT));
        struct sv_rd r = sv_rd(script ? script->content : SV_BYTES_NULL);

        while (sv_rd_left(&r) >= COMMAND_SIZE) {
                struct sv_rd command = sv_rd_sub(&r, COMMAND_SIZE);
                struct pointer p;

                if (sv_rd_u32le(&command) != ADD_POINTER || !read_pointer(b, &command, &p))
                        continue;
                if (p.file->address + p.offset < address + n &&
                    address < p.file->address + p.offset + p.size)
                        return true;
        }
        return false;
}
