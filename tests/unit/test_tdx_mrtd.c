/* SPDX-License-Identifier: Apache-2.0 */
/* MRTD of a real firmware in both orders, HOB lists against digests that real TDs logged, and a
 * small firmware of our own with one thing wrong at a time. */
#include "base/core/buf.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "tdx/measure/hob.h"
#include "tdx/measure/mrtd.h"
#include "tests/unit/firmware.h"
#include "tests/unit/tdvf.h"

#define GIB (1ull << 30)

static void debian(struct sv_buf *image, struct sv_tdvf *t)
{
        const char *path =
                cached_firmware("OVMF.inteltdx.ms.fd",
                                "a265075b4147a096109e501e76196df1ec8a18659c26f7401492c597ec88f312");
        struct sv_err err = SV_ERR_NULL;

        if (!path)
                skip();
        OK(sv_file_read(path, 16u << 20, image, "test.file", &err));
        OK(sv_tdvf_parse(sv_buf_bytes(image), t, &err));
}

static void mrtd_of_debians_firmware(void **state)
{
        static const char *const expected[] = {
                [SV_TDX_MAINLINE] = "a7a1f751abc454f9cbab198ca8d2edb2821935df525c74182b5e776cb0929e"
                                    "8c59aefecce725b0d08a5e9d3d3183bd08",
                [SV_TDX_TWO_PASS] = "b90b236113eb4c0d4df4ef590568c14e6028a3a31d7e8ac63dee9845df5008"
                                    "d3ebf82d4f5974e933798f65d7a279b9a9",
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL;
        struct sv_tdvf t;

        debian(&image, &t);
        assert_int_equal(t.n, 6);
        for (int order = SV_TDX_MAINLINE; order <= SV_TDX_TWO_PASS; order++) {
                struct sv_measurement m = {0};
                uint8_t mrtd[SV_TDX_DIGEST];
                char hex[2 * SV_TDX_DIGEST + 1];

                OK(sv_tdx_mrtd(&t, order, mrtd, &m, &err));
                assert_string_equal(sv_hex(sv_bytes(mrtd, sizeof(mrtd)), hex), expected[order]);
                assert_int_equal(m.n_steps, 6);
                sv_measurement_free(&m);
        }
}

static void hob_lists(void **state)
{
        static const struct {
                uint64_t gib;
                const char *sha384;
        } t[] = {
                {1, "1055c9b9a1fc534e688560e2304e18c8597b7261818cf61fb163d40c130547309b750575947a4d"
                    "caedbdce4b8d0535f2"},
                {2, "0b8772e5b0b41b83e6044a68397e02f49fb47066b4fbe4917ea2c45c64f323fdacbb37948f821e"
                    "baf8bc9c938ba8a749"},
                {3, "798f84285da30f6c295fbb73e3c093cf13164b6ad9d547a123b8d4d305f87a027caaba88e4cfd6"
                    "84ed7b424f37811a2e"},
                {4, "5b684faf8d02a733945f821d9cdd170802e72103977acf66949c9382500283adc90cbec57f8e76"
                    "53f8bee1cab83689de"},
                {8, "2e070cda358b5aa00f27cca25c47381bb564f4be3a84d059805a73cbbde764ed8341f7e09915b5"
                    "e7b370f9c08a743fbd"},
                {64, "8ae1e425351df7992c444586eff99d35af3b779aa2b0e981cb4b73bc5b279f2ade19b6a62a203"
                     "fc3c3bbdaae80af596d"},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL;
        struct sv_tdvf tdvf;

        debian(&image, &tdvf);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                uint8_t digest[SV_TDX_DIGEST];
                char hex[2 * SV_TDX_DIGEST + 1];
                SV_BUF list = SV_BUF_NULL;

                OK(sv_tdx_hob(&tdvf, t[i].gib * GIB, &list, &err));
                OK(sv_digest(SV_SHA384, sv_bytes(list.p, list.n - SV_TDX_HOB_END), digest, &err));
                assert_string_equal(sv_hex(sv_bytes(digest, sizeof(digest)), hex), t[i].sha384);
        }
}

/* A list that the firmware has less room for than it needs. */
static void hob_without_room(void **state)
{
        struct tdvf_row rows[3];
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL, list = SV_BUF_NULL, whole = SV_BUF_NULL;
        struct sv_tdvf tdvf;

        memcpy(rows, tdvf_good, sizeof(rows));
        tdvf_build(&image, rows, 3, 1);
        OK(sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, &err));
        OK(sv_tdx_hob(&tdvf, GIB, &whole, &err));
        tdvf.sections[2].size = whole.n - 1;
        FAILS(sv_tdx_hob(&tdvf, GIB, &list, &err), SV_FORMAT, "tdx.hob");
        tdvf.sections[2].size = whole.n;
        OK(sv_tdx_hob(&tdvf, GIB, &list, &err));
}

/* The firmware has its stack where the guest has no memory, or memory of which only the beginning
 * is the guest's. */
static void hob_without_memory(void **state)
{
        static const struct {
                uint64_t memory, at;
                bool ok;
        } t[] = {
                {0x811000, 0x810000, true},    {0x810fff, 0x810000, false},
                {0x810000, 0x810000, false},   {0, 0x810000, false},
                {8 * GIB, 0x7ffff000, true},   {8 * GIB, 0x80000000, false},
                {8 * GIB, 0x100000000, false}, {0xafffffff, 0x80000000, true},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL;
        struct sv_tdvf tdvf;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct tdvf_row rows[3];
                SV_BUF list = SV_BUF_NULL;

                memcpy(rows, tdvf_good, sizeof(rows));
                rows[1].gpa = t[i].at;
                tdvf_build(&image, rows, 3, 1);
                OK(sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, &err));
                if (t[i].ok)
                        OK(sv_tdx_hob(&tdvf, t[i].memory, &list, &err));
                else
                        FAILS(sv_tdx_hob(&tdvf, t[i].memory, &list, &err), SV_USAGE,
                              "tdx.hob.memory");
        }
}

static void one_thing_wrong(void **state)
{
        static const struct {
                size_t row;
                struct tdvf_row with;
        } t[] = {
                {0, {0, 0, 0xffffe000, 8192, SV_TDVF_BFV, 1}},
                {0, {4097, 4096, 0xffffe000, 8192, SV_TDVF_BFV, 1}},
                {0, {0, 8193, 0xffffe000, 8192, SV_TDVF_BFV, 1}},
                {0, {0, 4096, 0xffffe001, 8192, SV_TDVF_BFV, 1}},
                {0, {0, 4096, 0xffffe000, 8191, SV_TDVF_BFV, 1}},
                {0, {0, 4096, 0xffffe000, 0, SV_TDVF_BFV, 1}},
                {0, {0, 4096, ~0xfffull, 8192, SV_TDVF_BFV, 1}},
                {0, {0, 4096, 0xffffe000, 8192, 9, 1}},
                {0, {0, 0, 0x900000, 8192, SV_TDVF_TEMP_MEM, 0}},
                {1, {0, 4096, 0x810000, 4096, SV_TDVF_TEMP_MEM, 0}},
                {1, {64, 0, 0x810000, 4096, SV_TDVF_TEMP_MEM, 0}},
                {1, {0, 0, 0x810000, 4096, SV_TDVF_TD_HOB, 0}},
                {2, {0, 0, 0x810000, 4096, SV_TDVF_TD_HOB, 0}},
                {2, {0, 0, 0x809000, 4096, SV_TDVF_TEMP_MEM, 0}},
                {0, {0xfffff000, 4096, 0xffffe000, 8192, SV_TDVF_BFV, 1}},
                {0, {4096, 4096, 0xffffe000, 8192, SV_TDVF_BFV, 1}},
                {2, {0, 0, 0x809000, 4096, SV_TDVF_TD_HOB, 1}},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL;
        struct sv_tdvf tdvf;

        tdvf_build(&image, tdvf_good, 3, 1);
        OK(sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct tdvf_row rows[3];

                memcpy(rows, tdvf_good, sizeof(rows));
                rows[t[i].row] = t[i].with;
                tdvf_build(&image, rows, 3, 1);
                FAILS(sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, &err), SV_FORMAT,
                      "ovmf.tdvf.section");
        }
        tdvf_build(&image, tdvf_good, 3, 2);
        FAILS(sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, &err), SV_FORMAT, "ovmf.tdvf");
        tdvf_build(&image, tdvf_good, 3, 1);
        memcpy(image.p + 2 * 4096 - (32 + 18 + 22 + 16 + 96), "FVDT", 4);
        FAILS(sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, &err), SV_FORMAT, "ovmf.tdvf");
        tdvf_build(&image, tdvf_good, 3, 1);
        image.p[2 * 4096 - 32 - 18 - 22 + 3] = 0x7f; /* the descriptor lies outside */
        FAILS(sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, &err), SV_FORMAT, "ovmf.tdvf");
}

static void each_input_counts(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL;
        struct sv_tdvf tdvf;
        uint8_t a[SV_TDX_DIGEST], b[SV_TDX_DIGEST];

        tdvf_build(&image, tdvf_good, 3, 1);
        OK(sv_tdvf_parse(sv_buf_bytes(&image), &tdvf, &err));
        OK(sv_tdx_mrtd(&tdvf, SV_TDX_MAINLINE, a, NULL, &err));
        image.p[4095] ^= 1;
        OK(sv_tdx_mrtd(&tdvf, SV_TDX_MAINLINE, b, NULL, &err));
        assert_memory_not_equal(a, b, sizeof(a));
        image.p[4095] ^= 1;
        /* behind the volume's contents, and QEMU puts it there with them: tests/teesim/test_tdx.c
         */
        image.p[4096] ^= 1;
        OK(sv_tdx_mrtd(&tdvf, SV_TDX_MAINLINE, b, NULL, &err));
        assert_memory_not_equal(a, b, sizeof(a));
        image.p[4096] ^= 1;
        tdvf.sections[1].gpa += 4096;
        OK(sv_tdx_mrtd(&tdvf, SV_TDX_MAINLINE, b, NULL, &err));
        assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(mrtd_of_debians_firmware), cmocka_unit_test(hob_lists),
                cmocka_unit_test(hob_without_memory),       cmocka_unit_test(one_thing_wrong),
                cmocka_unit_test(each_input_counts),        cmocka_unit_test(hob_without_room),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
