/* SPDX-License-Identifier: Apache-2.0 */
/* ovmf/fv, ovmf/lzma, ovmf/volumes, ovmf/platform over the small firmware of
 * tests/vectors/firmware, one field changed at a time. */
#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "ovmf/lzma.h"
#include "ovmf/platform.h"
#include "ovmf/volumes.h"

#define FIRST_FILE 96 /* in the outer volume: header 72, extended header 20, aligned */
#define SECTION    (FIRST_FILE + 24)
#define STREAM     (SECTION + 24)

static struct sv_err err;

static void small(struct sv_buf *out)
{
        OK(sv_file_read(vector_path("firmware/small.fd"), 1u << 20, out, "test", &err));
        assert_int_equal(out->n, 4096);
}

static void test_volumes(void **state)
{
        SV_BUF b = SV_BUF_NULL;
        SV_VOLUMES v = {0};
        struct sv_ffs file;
        size_t pos = 0;

        small(&b);
        OK(sv_volumes_read(sv_buf_bytes(&b), &v, &err));
        assert_int_equal(v.pei.all.n, 512);
        assert_int_equal(v.dxe.all.n, 1024);
        assert_int_equal(sv_ffs_next(&v.pei, &pos, &file, &err), 1);
        assert_int_equal(file.type, SV_FFS_PEIM);
        assert_int_equal(file.at, FIRST_FILE);
        assert_int_equal(file.body.n, 16);
        assert_memory_equal(file.body.p, "sixteen bytes...", 16);
        assert_int_equal(sv_ffs_next(&v.pei, &pos, &file, &err), 0);
        pos = 0;
        assert_int_equal(sv_ffs_next(&v.dxe, &pos, &file, &err), 0);
}

/* The words of a volume's header add up to zero again. */
static void fix_sum(uint8_t *fv)
{
        unsigned sum = 0;

        fv[50] = fv[51] = 0;
        for (unsigned i = 0; i < 72; i += 2)
                sum += fv[i] | fv[i + 1] << 8;
        fv[50] = (uint8_t)-sum;
        fv[51] = (uint8_t)(-sum >> 8);
}

static void test_one_field(void **state)
{
        static const struct {
                size_t at;
                uint8_t value;
                bool fix;
                const char *check;
        } cases[] = {
                {0, 1, false, "ovmf.fv.checksum"},
                {33, 0x20, true, "ovmf.fv.size"}, /* 8 KiB */
                {40, 'X', true, "ovmf.volumes"},  /* no volume at all */
                {48, 55, true, "ovmf.fv.header"},
                {49, 0xff, true, "ovmf.fv.header"},
                {52, 71, true, "ovmf.fv.header"}, /* extended header inside the header */
                {53, 0xff, true, "ovmf.fv.header"},
                {72 + 16, 19, false, "ovmf.fv.header"},
                {72 + 18, 1, false, "ovmf.fv.header"},
                {FIRST_FILE + 18, SV_FFS_PEIM, false, "ovmf.volumes"},
                {FIRST_FILE + 20, 23, false, "ovmf.ffs.file"},
                {FIRST_FILE + 22, 1, false, "ovmf.ffs.file"},
                /* a 64-bit size, where the section is */
                {FIRST_FILE + 19, 1, false, "ovmf.ffs.file"},
                {SECTION, 3, false, "ovmf.ffs.section"},
                {SECTION + 2, 1, false, "ovmf.ffs.section"},
                {SECTION + 4, 0, false, "ovmf.volumes"}, /* not LZMA's GUID */
                {SECTION + 20, 23, false, "ovmf.ffs.section"},
                {SECTION + 21, 0xff, false, "ovmf.ffs.section"},
                {STREAM, 0xff, false, "ovmf.lzma"},
                {STREAM + 4, 0x7f, false, "ovmf.lzma"}, /* a dictionary of 2 GiB */
                {STREAM + 5, 0, false, "ovmf.lzma"},
                {STREAM + 9, 1, false, "ovmf.lzma.size"},
                {STREAM + 20, 0x55, false, NULL},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_BUF b = SV_BUF_NULL;
                SV_VOLUMES v = {0};

                small(&b);
                b.p[cases[i].at] = cases[i].value;
                if (cases[i].at == SECTION) /* a section shorter than its header */
                        b.p[SECTION + 1] = 0;
                if (cases[i].at == FIRST_FILE + 20) /* a file shorter than its header */
                        b.p[FIRST_FILE + 21] = 0;
                if (cases[i].fix)
                        fix_sum(b.p);
                if (cases[i].check) {
                        FAILS(sv_volumes_read(sv_buf_bytes(&b), &v, &err), SV_FORMAT,
                              cases[i].check);
                } else { /* damage inside the stream: found there or in what comes out */
                        memset(&err, 0, sizeof(err));
                        assert_int_equal(sv_volumes_read(sv_buf_bytes(&b), &v, &err), -1);
                        assert_int_equal(err.class, SV_FORMAT);
                }
        }
}

static void test_every_cut(void **state)
{
        SV_BUF b = SV_BUF_NULL;

        small(&b);
        for (size_t n = 0; n < b.n; n++) {
                SV_VOLUMES v = {0};

                FAILS(sv_volumes_read(sv_bytes(b.p, n), &v, &err), SV_FORMAT,
                      n < 56 ? "ovmf.volumes" : "ovmf.fv.size");
        }
}

static void test_lzma(void **state)
{
        SV_BUF b = SV_BUF_NULL;
        SV_BUF out = SV_BUF_NULL;
        struct sv_bytes stream;
        size_t size;

        small(&b);
        size = (size_t)(b.p[SECTION] | b.p[SECTION + 1] << 8) - 24;
        stream = sv_bytes(b.p + STREAM, size);
        OK(sv_lzma_decode(stream, 4096, &out, &err));
        assert_int_equal(out.n, 4 + 512 + 4 + 1024);
        sv_buf_clear(&out);
        FAILS(sv_lzma_decode(stream, 1543, &out, &err), SV_FORMAT, "ovmf.lzma.size");
        for (size_t n = 0; n + 12 < size; n++) {
                FAILS(sv_lzma_decode(sv_bytes(stream.p, n), 4096, &out, &err), SV_FORMAT,
                      "ovmf.lzma");
                assert_int_equal(out.n, 0);
        }
        /* One byte behind the stream. */
        FAILS(sv_lzma_decode(sv_bytes(stream.p, size + 1), 4096, &out, &err), SV_FORMAT,
              "ovmf.lzma");
}

static void test_platform(void **state)
{
        static const struct sv_platform_build build = {"test", "", 0x20, true};
        struct sv_platform p = {.vcpus = 2, .memory = 1u << 30, .cpu = SV_PLATFORM_AMD};
        uint8_t pei[0x20 + 0x8c] = {0};

        assert_null(sv_platform_build("00"));
        assert_int_equal(sv_platform_cpu(NULL), SV_PLATFORM_AMD);
        assert_int_equal(sv_platform_cpu("EPYC-Milan"), SV_PLATFORM_AMD);
        assert_int_equal(sv_platform_cpu("Icelake-Server"), SV_PLATFORM_INTEL);
        assert_int_equal(sv_platform_cpu("host"), 0);
        FAILS(sv_platform_write(&build, &p, pei, sizeof(pei) - 1, &err), SV_FORMAT,
              "ovmf.platform.layout");
        OK(sv_platform_write(&build, &p, pei, sizeof(pei), &err));
        /* What the memory of a real guest of this kind had there: 2 CPUs; sleep memory below the 16
         * MiB of system management. */
        assert_memory_equal(pei + 0x20 + 0x76,
                            "\2\0\0\0\2\0\0\0\100\0\0\0\0\0\xf7\x3e\0\0\x09\0\1\1", 22);
        assert_memory_equal(pei + 0x20 + 0x27, "\1\1\1\20\0\0\0\0\0\20\0\0\0\50\0\0\0\200", 18);
        /* not empty any more */
        FAILS(sv_platform_write(&build, &p, pei, sizeof(pei), &err), SV_FORMAT,
              "ovmf.platform.layout");
        /* With those that can come: QEMU shows as many to the firmware, which keeps a stack for
         * each (docs/FORMATS.md). */
        p.vcpus_max = 4;
        p.more = 27ull << 30;
        memset(pei, 0, sizeof(pei));
        OK(sv_platform_write(&build, &p, pei, sizeof(pei), &err));
        assert_memory_equal(pei + 0x20 + 0x76,
                            "\2\0\0\0\4\0\0\0\100\0\0\0\0\0\xf6\x3e\0\0\x0a\0\1\1", 22);
        for (unsigned i = 0; i < 3; i++) {
                struct sv_platform bad = p;

                bad.vcpus_max = i == 0 ? 65 : 4;
                bad.more = i == 1 ? (28ull << 30) + 1 : i == 2 ? UINT64_MAX : 28ull << 30;
                memset(pei, 0, sizeof(pei));
                FAILS(sv_platform_write(&build, &bad, pei, sizeof(pei), &err), SV_USAGE,
                      "ovmf.platform.range");
        }
        p.vcpus_max = 0;
        p.more = 0;
        for (unsigned i = 0; i < 4; i++) {
                struct sv_platform bad = p;

                bad.vcpus = i == 0 ? 0 : i == 1 ? 65 : 2;
                bad.memory = i == 2 ? 127ull << 20 : i == 3 ? (30ull << 30) + 1 : 1u << 30;
                memset(pei, 0, sizeof(pei));
                FAILS(sv_platform_write(&build, &bad, pei, sizeof(pei), &err), SV_USAGE,
                      "ovmf.platform.range");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_volumes),   cmocka_unit_test(test_one_field),
                cmocka_unit_test(test_every_cut), cmocka_unit_test(test_lzma),
                cmocka_unit_test(test_platform),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
