/* SPDX-License-Identifier: Apache-2.0 */
/* ovmf/pe, ovmf/linux, ovmf/varstore: small files made here, one field changed at a time. */
#include "tests/unit/unit.h"

#include "tests/unit/make_boot.h"
#include "ovmf/linux.h"
#include "ovmf/pe.h"
#include "ovmf/varstore.h"

static struct sv_err err;
static const uint8_t vendor[16] = {1, 2, 3};

static void digest(const uint8_t *k, size_t n, uint8_t out[32])
{
        struct sv_pe pe;

        OK(sv_pe_parse(sv_bytes(k, n), &pe, &err));
        OK(sv_pe_digest(&pe, SV_SHA256, out, &err));
}

/* What is covered, written down independently: all but the checksum, the entry of the certificates
 * and the certificates. */
static void test_pe_digest(void **state)
{
        uint8_t k[KERNEL_SIZE], want[32], got[32];
        SV_HASH *h = sv_hash_new(SV_SHA256, &err);
        size_t checksum = KERNEL_PE + 24 + 64, entry = KERNEL_PE + 24 + 144;

        make_kernel(k);
        OK(sv_hash_put(h, sv_bytes(k, checksum), &err));
        OK(sv_hash_put(h, sv_bytes(k + checksum + 4, entry - checksum - 4), &err));
        OK(sv_hash_put(h, sv_bytes(k + entry + 8, KERNEL_CERTS - entry - 8), &err));
        OK(sv_hash_end(h, want, &err));
        digest(k, sizeof(k), got);
        assert_memory_equal(want, got, 32);
}

static void test_pe_covers(void **state)
{
        static const struct {
                size_t at;
                bool covered;
        } bytes[] = {{2, true},
                     {KERNEL_PE + 24 + 64, false},
                     {KERNEL_PE + 24 + 140, true},
                     {0x5ff, true},
                     {0x600, true},
                     {0x7ff, true},
                     {0x800, true},
                     {0x87f, true},
                     {KERNEL_CERTS, false},
                     {KERNEL_SIZE - 1, false}};
        uint8_t k[KERNEL_SIZE], before[32], after[32];

        make_kernel(k);
        digest(k, sizeof(k), before);
        for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
                k[bytes[i].at] ^= 1;
                digest(k, sizeof(k), after);
                k[bytes[i].at] ^= 1;
                assert_int_equal(memcmp(before, after, 32) != 0, bytes[i].covered);
        }
}

static void test_pe_one_field(void **state)
{
        static const struct {
                size_t at;
                uint32_t value;
                const char *check;
        } cases[] = {
                {0, 0x5a4e, "ovmf.pe.magic"},
                {0x3c, 0xffffff00, "ovmf.pe.magic"},
                {KERNEL_PE, 0x4551, "ovmf.pe.magic"},
                {KERNEL_PE + 4, 97u << 16, "ovmf.pe.sections"},
                {KERNEL_PE + 20, 111, "ovmf.pe.header"},
                {KERNEL_PE + 20, 0xffff, "ovmf.pe.header"},
                {KERNEL_PE + 20, 144, "ovmf.pe.header"}, /* the fifth directory would lie outside */
                {KERNEL_PE + 24, 0x30b, "ovmf.pe.header"},
                {KERNEL_PE + 24 + 60, 0x80, "ovmf.pe.header"},
                {KERNEL_PE + 24 + 60, 0x10000, "ovmf.pe.header"},
                {KERNEL_PE + 24 + 148, 0x101, "ovmf.pe.certificates"},
                {KERNEL_PE + 24 + 160 + 16, 0x301, "ovmf.pe.sections"},
                {KERNEL_PE + 24 + 160 + 20, 0xfffffff0, "ovmf.pe.sections"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                uint8_t k[KERNEL_SIZE];
                struct sv_pe pe;

                make_kernel(k);
                put32(k, cases[i].at, cases[i].value);
                FAILS(sv_pe_parse(sv_bytes(k, sizeof(k)), &pe, &err), SV_FORMAT, cases[i].check);
        }
}

/* The headers end behind the table of sections at the least, with the file at the most. */
static void test_pe_header_size(void **state)
{
        const size_t opt = KERNEL_PE + 24, table = opt + 160, least = table + 40;
        const struct {
                size_t size;
                bool good;
        } cases[] = {{least - 1, false}, {least, true}, {0x600, true}, {0x601, false}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                uint8_t k[KERNEL_SIZE];
                struct sv_pe pe;

                make_kernel(k);
                put32(k, opt + 144, 0); /* no certificates */
                put32(k, opt + 148, 0);
                put32(k, table + 16, 0); /* a section of no bytes */
                put32(k, opt + 60, (uint32_t)cases[i].size);
                if (cases[i].good)
                        OK(sv_pe_parse(sv_bytes(k, 0x600), &pe, &err));
                else
                        FAILS(sv_pe_parse(sv_bytes(k, 0x600), &pe, &err), SV_FORMAT,
                              "ovmf.pe.header");
        }
}

/* Whatever order the table has, the sections are covered in that of the file. */
static void test_pe_order(void **state)
{
        static const char *const parts[][2] = {{".a", "a"}, {".b", "b"}, {".c", "c"}};
        static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                             {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        const size_t table = 0x80 + 24 + 160;

        for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
                uint8_t k[UKI_SIZE], rows[3 * 40];
                size_t n = make_uki(k, parts, 3);
                struct sv_pe pe;

                memcpy(rows, k + table, sizeof(rows));
                for (size_t j = 0; j < 3; j++)
                        memcpy(k + table + j * 40, rows + orders[i][j] * 40, 40);
                OK(sv_pe_parse(sv_bytes(k, n), &pe, &err));
                assert_true(pe.n >= 3);
                for (size_t j = 0; j < 3; j++)
                        assert_int_equal(*pe.parts[pe.n - 3 + j].p, "abc"[j]);
        }
}

/* Behind the last section any length is a file; before it every cut is named. */
static void test_pe_every_cut(void **state)
{
        uint8_t k[KERNEL_SIZE];
        struct sv_pe pe;

        make_kernel(k);
        for (size_t n = 0; n < 0x800; n++) {
                memset(&err, 0, sizeof(err));
                assert_int_equal(sv_pe_parse(sv_bytes(k, n), &pe, &err), -1);
                assert_int_equal(err.class, SV_FORMAT);
                assert_int_equal(strncmp(err.check, "ovmf.pe.", 8), 0);
        }
}

static uint32_t get32(const uint8_t *p, size_t at)
{
        return p[at] | (uint32_t)p[at + 1] << 8 | (uint32_t)p[at + 2] << 16 |
               (uint32_t)p[at + 3] << 24;
}

/* Numbers of hw/i386/x86-common.c, worked out by hand. */
static void test_linux_qemu(void **state)
{
        static const struct {
                uint64_t memory, initrd;
                uint16_t flags;
                uint32_t address;
        } cases[] = {
                {1024ull << 20, 330270, 3, 0x3ff87000},
                {2048ull << 20, 330270, 3, 0x7ff87000},
                {0xb0000000ull, 0x1000, 3, 0x7ffd6000}, /* split: 2 GiB below */
                {0xaff00000ull, 0x1000, 3, 0xafed6000},
                {0xaff00000ull, 0x1000, 1, 0x7fffe000}, /* the kernel's own limit */
                {6144ull << 20, 1, 3, 0x7ffd7000},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sv_linux_boot boot = {.memory = cases[i].memory,
                                             .initrd_size = cases[i].initrd,
                                             .cmdline = "quiet vga=0x317"};
                uint8_t k[KERNEL_SIZE];
                struct sv_linux image;

                make_kernel(k);
                put16(k, 0x236, cases[i].flags);
                OK(sv_linux_parse(sv_bytes(k, sizeof(k)), &image, &err));
                assert_string_equal(image.version, "6.1.0-test");
                OK(sv_linux_qemu(&image, k, &boot, &err));
                assert_int_equal(get32(k, 0x218), cases[i].address);
                assert_int_equal(get32(k, 0x21c), cases[i].initrd);
                assert_int_equal(get32(k, 0x228), 0x20000);
                assert_int_equal(k[0x210], 0xb0);
                assert_int_equal(k[0x211], 0x81);
                assert_int_equal(k[0x224] | k[0x225] << 8, 0xfe00);
                assert_int_equal(k[0x1fa] | k[0x1fb] << 8, 0x317);
        }
}

static void test_linux_refuses(void **state)
{
        static const struct {
                size_t at;
                uint32_t value;
                const char *check;
        } cases[] = {{0x202, 0, "ovmf.linux.magic"},
                     {0x206, 0x20b, "ovmf.linux.protocol"},
                     {0x206, 0x300, "ovmf.linux.protocol"},
                     {0x1f1, 200, "ovmf.linux.header"},
                     {0x1f1, 0, "ovmf.linux.header"}};
        uint8_t k[KERNEL_SIZE];
        struct sv_linux image;
        struct sv_linux_boot boot = {.memory = 64u << 20, .initrd_size = 64u << 20, .cmdline = ""};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                make_kernel(k);
                put32(k, cases[i].at, cases[i].value);
                /* With no sector count there are four, and the file must have them. */
                FAILS(sv_linux_parse(sv_bytes(k, cases[i].at == 0x1f1 ? 0x900 : sizeof(k)), &image,
                                     &err),
                      SV_FORMAT, cases[i].check);
        }
        make_kernel(k);
        for (size_t n = 0; n < 0x600; n++) {
                memset(&err, 0, sizeof(err));
                assert_int_equal(sv_linux_parse(sv_bytes(k, n), &image, &err), -1);
                assert_int_equal(strncmp(err.check, "ovmf.linux.", 11), 0);
        }
        OK(sv_linux_parse(sv_bytes(k, sizeof(k)), &image, &err));
        FAILS(sv_linux_qemu(&image, k, &boot, &err), SV_USAGE, "ovmf.linux.memory");
        boot.memory = 0x20000;
        FAILS(sv_linux_qemu(&image, k, &boot, &err), SV_USAGE, "ovmf.linux.memory");
        boot = (struct sv_linux_boot){.memory = 1u << 30, .cmdline = "vga=best"};
        FAILS(sv_linux_qemu(&image, k, &boot, &err), SV_USAGE, "ovmf.linux.vga");
        boot.cmdline = "vga=0x317x";
        FAILS(sv_linux_qemu(&image, k, &boot, &err), SV_USAGE, "ovmf.linux.vga");
}

/* A deleted variable, one whose successor took its place, one that is alone. */
static void test_store(void **state)
{
        uint8_t s[STORE_SIZE];
        struct sv_varstore v;
        size_t at = STORE_FIRST;

        make_store(s);
        OK(sv_varstore_parse(sv_bytes(s, sizeof(s)), &v, &err));
        assert_int_equal(v.n, 0);
        add_variable(s, &at, 0x3c, vendor, "Gone", "x", 1);
        add_variable(s, &at, 0x3e, vendor, "PK", "old", 3);
        add_variable(s, &at, 0x3f, vendor, "PK", "newer", 5);
        add_variable(s, &at, 0x3f, vendor, "db", "d", 1);
        OK(sv_varstore_parse(sv_bytes(s, sizeof(s)), &v, &err));
        assert_int_equal(v.n, 2);
        assert_null(sv_varstore_get(&v, vendor, "Gone"));
        assert_null(sv_varstore_get(&v, vendor, "P"));
        assert_null(sv_varstore_get(&v, s, "PK"));
        assert_int_equal(sv_varstore_get(&v, vendor, "PK")->data.n, 5);
        assert_memory_equal(sv_varstore_get(&v, vendor, "PK")->data.p, "newer", 5);
        assert_int_equal(sv_varstore_get(&v, vendor, "db")->attributes, 7);
}

static void test_store_one_field(void **state)
{
        static const struct {
                size_t at;
                uint32_t value;
                const char *check;
        } cases[] = {
                {16, 0, "ovmf.varstore.header"},
                {40, 0, "ovmf.varstore.header"},
                {48, 0xfff0, "ovmf.varstore.header"},
                {72, 0, "ovmf.varstore.header"},
                {88, 27, "ovmf.varstore.header"},
                {88, STORE_SIZE, "ovmf.varstore.header"},
                {92, 0xfe5b, "ovmf.varstore.header"},
                {92, 0x5a, "ovmf.varstore.header"},
                {STORE_FIRST + 36, 0, "ovmf.varstore.variable"},
                {STORE_FIRST + 36, 5, "ovmf.varstore.variable"},
                {STORE_FIRST + 36, 4, "ovmf.varstore.variable"},
                {STORE_FIRST + 36, 0xfffffff0, "ovmf.varstore.variable"},
                {STORE_FIRST + 40, STORE_SIZE, "ovmf.varstore.variable"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                uint8_t s[STORE_SIZE];
                struct sv_varstore v;
                size_t at = STORE_FIRST;

                make_store(s);
                add_variable(s, &at, 0x3f, vendor, "PK", "data", 4);
                put32(s, cases[i].at, cases[i].value);
                FAILS(sv_varstore_parse(sv_bytes(s, sizeof(s)), &v, &err), SV_FORMAT,
                      cases[i].check);
        }
}

static void test_store_every_cut(void **state)
{
        uint8_t s[STORE_SIZE];
        struct sv_varstore v;
        size_t at = STORE_FIRST;

        make_store(s);
        add_variable(s, &at, 0x3f, vendor, "PK", "data", 4);
        for (size_t n = 0; n < sizeof(s); n++)
                FAILS(sv_varstore_parse(sv_bytes(s, n), &v, &err), SV_FORMAT,
                      "ovmf.varstore.header");
}

/* What the kernel would take, behind zeros too; each cut; what it would not. */
#define TEXT_BYTES(text)                                  \
        {                                                 \
                (const uint8_t *)(text), sizeof(text) - 1 \
        }

static void test_initramfs(void **state)
{
        static const struct sv_bytes good[] = {
                TEXT_BYTES("070701"),
                TEXT_BYTES("070702"),
                TEXT_BYTES("\x1f\x8b"),
                TEXT_BYTES("\x1f\x9e"),
                TEXT_BYTES("BZh"),
                TEXT_BYTES("\xfd"
                           "7zXZ"),
                TEXT_BYTES("\x5d\0\0"),
                TEXT_BYTES("\x89LZO"),
                TEXT_BYTES("\x02\x21"),
                TEXT_BYTES("\x28\xb5\x2f\xfd"),
        };
        static const struct sv_bytes bad[] = {
                TEXT_BYTES("root:x:0"),
                TEXT_BYTES("070707"),
                TEXT_BYTES("\0\0\0\0\0\0\0\0"),
                TEXT_BYTES("\0"
                           "070701"),
                TEXT_BYTES("\x7f"
                           "ELF"),
                TEXT_BYTES("MZ"),
        };

        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                SV_BUF padded = SV_BUF_NULL;

                OK(sv_initramfs_check(good[i], &err));
                sv_buf_grow(&padded, 8);
                sv_buf_put(&padded, good[i]);
                OK(sv_initramfs_check(sv_buf_bytes(&padded), &err));
                FAILS(sv_initramfs_check(sv_bytes(good[i].p, good[i].n - 1), &err), SV_FORMAT,
                      "ovmf.initramfs.magic");
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                FAILS(sv_initramfs_check(bad[i], &err), SV_FORMAT, "ovmf.initramfs.magic");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pe_digest),       cmocka_unit_test(test_pe_covers),
                cmocka_unit_test(test_pe_one_field),    cmocka_unit_test(test_pe_header_size),
                cmocka_unit_test(test_pe_order),        cmocka_unit_test(test_pe_every_cut),
                cmocka_unit_test(test_linux_qemu),      cmocka_unit_test(test_linux_refuses),
                cmocka_unit_test(test_store),           cmocka_unit_test(test_store_one_field),
                cmocka_unit_test(test_store_every_cut), cmocka_unit_test(test_initramfs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
