/* SPDX-License-Identifier: Apache-2.0 */
#include "image/uki.h"

#include "base/core/limits.h"
#include "stub/pe-load.h"

#define ROW_SIZE       40u
#define FILE_ALIGN     0x200u
#define MEMORY_ALIGN   0x1000u
#define DATA_READ_ONLY 0x40000040u /* initialised data, readable */

/* the command line, and alignment */
#define SLACK (SV_CMDLINE_MAX + 10 * FILE_ALIGN)

/* The optional header begins 24 bytes behind the signature. */
#define N_SECTIONS_AT 6u
#define SIZE_AT       (24u + 56u)
#define CHECKSUM_AT   (24u + 64u)

static uint32_t align_up(uint64_t v, uint32_t to)
{
        return (uint32_t)((v + to - 1) & ~(uint64_t)(to - 1));
}

static uint32_t get_u32(const uint8_t *p)
{
        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void set_u32(uint8_t *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> (8 * i));
}

struct image {
        struct sv_buf *file;
        size_t header; /* of its signature */
        struct sv_pe_load pe;
        uint32_t size; /* in memory, so far */
};

/* Small sections before large ones: what is looked at first comes first. */
static void add_uki_section(struct image *im, const char name[8], struct sv_bytes content)
{
        uint8_t row[ROW_SIZE] = {0}, *at;

        if (!content.n)
                return;
        sv_buf_grow(im->file, align_up(im->file->n, FILE_ALIGN) - im->file->n);
        memcpy(row, name, 8);
        set_u32(row + 8, (uint32_t)content.n);
        set_u32(row + 12, im->size);
        set_u32(row + 16, align_up(content.n, FILE_ALIGN));
        set_u32(row + 20, (uint32_t)im->file->n);
        set_u32(row + 36, DATA_READ_ONLY);
        sv_buf_put(im->file, content);
        sv_buf_grow(im->file, align_up(im->file->n, FILE_ALIGN) - im->file->n);
        if (im->file->bad)
                return;
        at = im->file->p + im->pe.sections + (size_t)im->pe.n_sections * ROW_SIZE;
        memcpy(at, row, ROW_SIZE);
        im->pe.n_sections++;
        im->size = align_up((uint64_t)im->size + content.n, MEMORY_ALIGN);
}

static int check_stub(const struct sv_uki_parts *parts, struct sv_pe_load *pe, struct sv_err *err)
{
        struct sv_bytes section;

        if (sv_pe_load_read(parts->stub, pe, NULL) < 0 ||
            sv_pe_load_check(pe, parts->stub, NULL) < 0 ||
            sv_pe_load_find(pe, parts->stub, ".linux\0", &section, NULL) != 0)
                return sv_fail(err, SV_FORMAT, "image.stub",
                               "no EFI stub, or one that already carries a guest; --stub names "
                               "that of secure-vm's build");
        if (pe->headers < pe->sections + (pe->n_sections + 4u) * ROW_SIZE)
                return sv_fail(err, SV_FORMAT, "image.stub",
                               "the stub's headers have no room for four more sections");
        return 0;
}

static int check_uki_parts(const struct sv_uki_parts *parts, struct sv_err *err)
{
        struct sv_pe_load kernel;
        struct sv_err why = SV_ERR_NULL;

        if (sv_pe_load_read(parts->kernel, &kernel, &why) < 0 ||
            sv_pe_load_check(&kernel, parts->kernel, &why) < 0)
                return sv_fail(err, SV_FORMAT, "image.kernel",
                               "an x86-64 kernel that firmware can start (CONFIG_EFI_STUB) was "
                               "expected: %s",
                               why.msg);
        if (parts->cmdline.n > SV_CMDLINE_MAX)
                return sv_fail(err, SV_FORMAT, "image.cmdline",
                               "a command line of %zu bytes, the kernel takes at most %d",
                               parts->cmdline.n, SV_CMDLINE_MAX);
        for (size_t i = 0; i < parts->cmdline.n; i++)
                if (parts->cmdline.p[i] < 0x20 || parts->cmdline.p[i] > 0x7e)
                        return sv_fail(err, SV_FORMAT, "image.cmdline",
                                       "byte %zu of the command line is no printable character", i);
        if ((uint64_t)parts->stub.n + parts->kernel.n + parts->initrd.n + parts->acpi.n + SLACK >
            SV_UKI_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "image.uki",
                               "kernel and initramfs are too large: an image has at most %u MiB",
                               SV_UKI_SIZE_MAX >> 20);
        return 0;
}

int sv_uki_make(const struct sv_uki_parts *parts, struct sv_buf *out, struct sv_err *err)
{
        SV_BUF file = {.max = SV_UKI_SIZE_MAX};
        struct image im = {.file = &file};

        if (check_stub(parts, &im.pe, err) < 0 || check_uki_parts(parts, err) < 0)
                return -1;
        sv_buf_room(&file,
                    parts->stub.n + parts->kernel.n + parts->initrd.n + parts->acpi.n + SLACK);
        sv_buf_put(&file, parts->stub);
        im.header = get_u32(parts->stub.p + 0x3c);
        im.size = align_up(im.pe.size, MEMORY_ALIGN);
        add_uki_section(&im, ".cmdline", parts->cmdline);
        add_uki_section(&im, ".acpi\0\0", parts->acpi);
        add_uki_section(&im, ".linux\0", parts->kernel);
        add_uki_section(&im, ".initrd", parts->initrd);
        if (sv_buf_ok(&file, "the image", err) < 0)
                return -1;
        file.p[im.header + N_SECTIONS_AT] = (uint8_t)im.pe.n_sections;
        set_u32(file.p + im.header + SIZE_AT, im.size);
        set_u32(file.p + im.header + CHECKSUM_AT, 0);
        sv_buf_free(out);
        *out = file;
        file = (struct sv_buf)SV_BUF_NULL;
        return 0;
}
