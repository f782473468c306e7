/* SPDX-License-Identifier: Apache-2.0 */
/* stub/pe-load and image/uki: an image as the stub loads it, and the image that it is part of. */
#include "tests/unit/stub_machine.h"

#include "tests/unit/make_boot.h"

#include "base/core/limits.h"
#include "image/uki.h"
#include "ovmf/pe.h"
#include "ovmf/uki.h"
#include "stub/pe-load.h"

static struct sv_err err;

#define OPTIONAL LOADABLE_OPTIONAL
#define ROW      (OPTIONAL + 160)
#define SIZE     LOADABLE_SIZE

static int load(const uint8_t *k, size_t n, struct sv_pe_load *pe)
{
        return sv_pe_load_read(sv_bytes(k, n), pe, &err) < 0
                       ? -1
                       : sv_pe_load_check(pe, sv_bytes(k, n), &err);
}

static void places_image(void **state)
{
        uint8_t k[KERNEL_SIZE], memory[SIZE + 16];
        struct sv_pe_load pe;

        make_loadable(k);
        OK(load(k, sizeof(k), &pe));
        assert_int_equal(pe.entry, 0x1010);
        assert_int_equal(pe.size, SIZE);
        memset(memory, 0xa5, sizeof(memory));
        sv_pe_load_place(&pe, sv_bytes(k, sizeof(k)), memory);
        assert_memory_equal(memory, k, 0x600);
        assert_memory_equal(memory + 0x1000, k + 0x600, 0x180);
        for (size_t i = 0x600; i < SIZE; i++)
                if (i < 0x1000 || i >= 0x1180)
                        assert_int_equal(memory[i], 0);
        for (size_t i = SIZE; i < sizeof(memory); i++)
                assert_int_equal(memory[i], 0xa5);
}

/* What may be executed, and whether that is all that there is to it. */
static void finds_code(void **state)
{
        static const struct {
                unsigned dll, align;
                bool nx;
        } t[] = {{0x100, 4096, true},
                 {0x160, 8192, true},
                 {0x100, 512, false},
                 {0x100, 0, false},
                 {0xfeff, 4096, false}};
        uint8_t k[KERNEL_SIZE];
        struct sv_pe_load pe;
        uint32_t at, n;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                make_loadable(k);
                put32(k, OPTIONAL + 32, t[i].align);
                put16(k, OPTIONAL + 70, t[i].dll);
                OK(load(k, sizeof(k), &pe));
                assert_int_equal(pe.nx, t[i].nx);
        }
        put32(k, ROW + 36, 0xdfffffff);
        assert_false(sv_pe_load_code(&pe, sv_bytes(k, sizeof(k)), 0, &at, &n));
        put32(k, ROW + 36, 0x20000000);
        assert_true(sv_pe_load_code(&pe, sv_bytes(k, sizeof(k)), 0, &at, &n));
        assert_int_equal(at, 0x1000);
        assert_int_equal(n, 0x180);
        put32(k, ROW + 8, 0); /* as much as the file has */
        assert_true(sv_pe_load_code(&pe, sv_bytes(k, sizeof(k)), 0, &at, &n));
        assert_int_equal(n, 0x200);
        put32(k, ROW + 16, 0);
        assert_false(sv_pe_load_code(&pe, sv_bytes(k, sizeof(k)), 0, &at, &n));
}

static void refuses_image(void **state)
{
        static const struct {
                size_t at;
                uint32_t value;
                const char *check;
        } t[] = {
                {0, 0x5a4e, "stub.pe.magic"},
                {0x3c, KERNEL_PE + 1, "stub.pe.magic"},
                {0x3c, 0xffffffff, "stub.pe.magic"},
                {KERNEL_PE + 4, 0x1014c, "stub.pe.header"},    /* i386 */
                {KERNEL_PE + 4, 0xffff8664, "stub.pe.header"}, /* too many sections */
                {KERNEL_PE + 20, 111, "stub.pe.header"},       /* short optional header */
                {OPTIONAL, 0x10b, "stub.pe.header"},           /* PE32 */
                {OPTIONAL + 16, SIZE, "stub.pe.header"},       /* entry behind the end */
                {OPTIONAL + 56, 0x5ff, "stub.pe.header"},      /* less than its headers */
                {OPTIONAL + 56, SV_PE_LOAD_MAX + 1, "stub.pe.header"},
                {OPTIONAL + 60, KERNEL_SIZE + 1, "stub.pe.header"},
                {OPTIONAL + 60, ROW + 39, "stub.pe.header"}, /* ends before the sections */
                {ROW + 8, 0x1001, "stub.pe.section"},
                {ROW + 12, SIZE - 0x17f, "stub.pe.section"},
                {ROW + 12, 0xfffffff0, "stub.pe.section"},
                {ROW + 20, KERNEL_SIZE - 0x17f, "stub.pe.section"},
                {ROW + 20, 0xfffffff0, "stub.pe.section"},
        };
        struct sv_pe_load pe;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                uint8_t k[KERNEL_SIZE];

                make_loadable(k);
                put32(k, t[i].at, t[i].value);
                FAILS(load(k, sizeof(k), &pe), SV_FORMAT, t[i].check);
        }
        for (size_t n = 0; n < KERNEL_SIZE; n++) {
                uint8_t k[KERNEL_SIZE];

                make_loadable(k);
                if (n < 0x600 + 0x180)
                        assert_int_equal(load(k, n, &pe), -1);
                else
                        OK(load(k, n, &pe));
        }
}

/* The last values that fit. */
static void image_limits(void **state)
{
        uint8_t k[KERNEL_SIZE];
        struct sv_pe_load pe;

        make_loadable(k);
        put32(k, OPTIONAL + 16, SIZE - 1);
        put32(k, OPTIONAL + 60, ROW + 40);
        put32(k, ROW + 8, 0x1000);
        put32(k, ROW + 20, KERNEL_SIZE - 0x200);
        OK(load(k, sizeof(k), &pe));
        put32(k, OPTIONAL + 56, SV_PE_LOAD_MAX);
        OK(load(k, sizeof(k), &pe));
}

static void finds_sections(void **state)
{
        uint8_t k[SIZE] = {0};
        struct sv_bytes found;
        struct sv_pe_load pe;

        make_loadable(k);
        OK(sv_pe_load_read(sv_bytes(k, SIZE), &pe, &err));
        assert_int_equal(sv_pe_load_find(&pe, sv_bytes(k, SIZE), ".text\0\0", &found, &err), 1);
        assert_ptr_equal(found.p, k + 0x1000);
        assert_int_equal(found.n, 0x180);
        assert_int_equal(sv_pe_load_find(&pe, sv_bytes(k, SIZE), ".tex\0\0\0", &found, &err), 0);
        put32(k, ROW + 12, SIZE - 0x17f);
        FAILS(sv_pe_load_find(&pe, sv_bytes(k, SIZE), ".text\0\0", &found, &err), SV_FORMAT,
              "stub.pe.section");
}

/* --- the whole image --- */

static struct sv_uki_parts some_parts(const uint8_t *stub, const uint8_t *kernel)
{
        return (struct sv_uki_parts){.stub = sv_bytes(stub, KERNEL_SIZE - 0x100),
                                     .acpi = sv_bytes_str("tables"),
                                     .cmdline = sv_bytes_str("quiet"),
                                     .initrd = sv_bytes_str("files"),
                                     .kernel = sv_bytes(kernel, KERNEL_SIZE)};
}

static void expect_section(struct sv_bytes image, const char *name, struct sv_bytes want)
{
        struct sv_bytes found;

        assert_int_equal(sv_pe_section(image, name, &found, &err), 1);
        assert_int_equal(found.n, want.n);
        assert_memory_equal(found.p, want.p, want.n);
}

static void makes_image(void **state)
{
        uint8_t stub[KERNEL_SIZE], kernel[KERNEL_SIZE], digest[2][SV_DIGEST_MAX];
        struct sv_uki_parts parts = some_parts(stub, kernel);
        SV_BUF image = SV_BUF_NULL;
        SV_BUF again = SV_BUF_NULL;
        struct sv_uki uki;
        struct sv_pe pe;

        make_stub(stub);
        make_loadable(kernel);
        OK(sv_uki_make(&parts, &image, &err));
        OK(sv_uki_make(&parts, &again, &err));
        assert_true(sv_bytes_eq(sv_buf_bytes(&image), sv_buf_bytes(&again)));
        expect_section(sv_buf_bytes(&image), ".cmdline", parts.cmdline);
        expect_section(sv_buf_bytes(&image), ".acpi", parts.acpi);
        expect_section(sv_buf_bytes(&image), ".linux", parts.kernel);
        expect_section(sv_buf_bytes(&image), ".initrd", parts.initrd);
        OK(sv_uki_read(sv_buf_bytes(&image), "test", &uki, &err));
        assert_true(uki.measured);
        /* as a loader sees it, and as the firmware measures it: every bit counts */
        struct sv_pe_load loaded;

        OK(load(image.p, image.n, &loaded));
        assert_int_equal(loaded.size, SIZE + 4 * 0x1000);
        OK(sv_pe_parse(sv_buf_bytes(&image), &pe, &err));
        OK(sv_pe_digest(&pe, SV_SHA256, digest[0], &err));
        image.p[image.n - 1] ^= 1;
        OK(sv_pe_digest(&pe, SV_SHA256, digest[1], &err));
        assert_memory_not_equal(digest[0], digest[1], 32);
        /* what is not there has no section */
        parts.initrd = parts.cmdline = SV_BYTES_NULL;
        OK(sv_uki_make(&parts, &image, &err));
        assert_int_equal(sv_pe_section(sv_buf_bytes(&image), ".initrd", &parts.initrd, &err), 0);
}

static void refuses_parts(void **state)
{
        uint8_t stub[KERNEL_SIZE], kernel[KERNEL_SIZE];
        char line[SV_CMDLINE_MAX + 1];
        struct sv_uki_parts parts = some_parts(stub, kernel);
        SV_BUF image = SV_BUF_NULL;

        make_loadable(stub);
        make_loadable(kernel);
        memset(line, 'x', sizeof(line));
        parts.cmdline = sv_bytes(line, SV_CMDLINE_MAX);
        OK(sv_uki_make(&parts, &image, &err));
        parts.cmdline.n++;
        FAILS(sv_uki_make(&parts, &image, &err), SV_FORMAT, "image.cmdline");
        parts.cmdline = sv_bytes_str("a\tb");
        FAILS(sv_uki_make(&parts, &image, &err), SV_FORMAT, "image.cmdline");
        parts.cmdline = SV_BYTES_NULL;
        parts.stub = sv_bytes(image.p, image.n);
        FAILS(sv_uki_make(&parts, &image, &err), SV_FORMAT, "image.stub");
        parts.stub = sv_bytes(stub, 0x10);
        FAILS(sv_uki_make(&parts, &image, &err), SV_FORMAT, "image.stub");
        parts = some_parts(stub, kernel);
        put32(stub, OPTIONAL + 60, ROW + 5 * 40 - 1); /* room for three more */
        FAILS(sv_uki_make(&parts, &image, &err), SV_FORMAT, "image.stub");
        put32(stub, OPTIONAL + 60, ROW + 5 * 40);
        OK(sv_uki_make(&parts, &image, &err));
        kernel[0] = 0;
        FAILS(sv_uki_make(&parts, &image, &err), SV_FORMAT, "image.kernel");
        kernel[0] = 'M';
        parts.initrd.n = SV_UKI_SIZE_MAX; /* refused before it is read */
        FAILS(sv_uki_make(&parts, &image, &err), SV_FORMAT, "image.uki");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(places_image),   cmocka_unit_test(finds_code),
                cmocka_unit_test(refuses_image),  cmocka_unit_test(image_limits),
                cmocka_unit_test(finds_sections), cmocka_unit_test(makes_image),
                cmocka_unit_test(refuses_parts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
