/* SPDX-License-Identifier: Apache-2.0 */
/* base/core/verity: what dm-verity is told, as a word. One field changed at a time; every cut; each
 * number at its limits. */
#include "tests/unit/limits.h"

#include "base/core/verity.h"

#define SALT "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ROOT "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define GOOD "ext4:sha256:4096:4096:66560:272633856:" SALT ":" ROOT

static struct sv_err err;

static int parse(const char *text, struct sv_verity *v)
{
        return sv_verity_parse(sv_bytes_str(text), v, &err);
}

static void test_whole(void **state)
{
        SV_BUF again = SV_BUF_NULL;
        struct sv_verity v;

        OK(parse(GOOD, &v));
        assert_string_equal(v.type, "ext4");
        assert_int_equal(v.data_block, 4096);
        assert_true(v.data_blocks == 66560 && v.tree == 272633856);
        assert_int_equal(v.salt[31], 0x1f);
        assert_int_equal(v.root[0], 0xff);
        sv_verity_put(&v, &again);
        assert_string_equal(sv_buf_str(&again), GOOD);
        OK(parse("erofs:sha256:1024:4096:2:4096:" SALT ":" ROOT, &v));
        assert_string_equal(v.type, "erofs");
        assert_int_equal(v.data_block, 1024);
}

static void test_changed(void **state)
{
        static const struct {
                const char *text, *check;
        } t[] = {
                {"", "verity.form"},
                {":::::::", "verity.type"},
                {GOOD ":", "verity.form"},
                {" " GOOD, "verity.type"},
                {"ext4:sha256:4096:4096:66560:272633856:" SALT, "verity.form"},
                {"ext4,ro:sha256:4096:4096:66560:272633856:" SALT ":" ROOT, "verity.type"},
                {"ext:sha256:4096:4096:66560:272633856:" SALT ":" ROOT, "verity.type"},
                {"ext44:sha256:4096:4096:66560:272633856:" SALT ":" ROOT, "verity.type"},
                {"xfs:sha256:4096:4096:66560:272633856:" SALT ":" ROOT, "verity.type"},
                {"ext4:sha1:4096:4096:66560:272633856:" SALT ":" ROOT, "verity.hash"},
                {"ext4:sha2566:4096:4096:66560:272633856:" SALT ":" ROOT, "verity.hash"},
                {"ext4:SHA256:4096:4096:66560:272633856:" SALT ":" ROOT, "verity.hash"},
                {"ext4:sha256:512:4096:66560:272633856:" SALT ":" ROOT, "verity.block-size"},
                {"ext4:sha256:8192:4096:66560:1090523136:" SALT ":" ROOT, "verity.block-size"},
                {"ext4:sha256:4294971392:4096:66560:272633856:" SALT ":" ROOT, "verity.block-size"},
                {"ext4:sha256:4096:1024:66560:272633856:" SALT ":" ROOT, "verity.block-size"},
                {"ext4:sha256:04096:4096:66560:272633856:" SALT ":" ROOT, "verity.form"},
                {"ext4:sha256:0x1000:4096:66560:272633856:" SALT ":" ROOT, "verity.form"},
                {"ext4:sha256:+4096:4096:66560:272633856:" SALT ":" ROOT, "verity.form"},
                {"ext4:sha256:4096:4096: 66560:272633856:" SALT ":" ROOT, "verity.form"},
                {"ext4:sha256:4096:4096:66560 :272633856:" SALT ":" ROOT, "verity.form"},
                {"ext4:sha256:4096:4096:-1:272633856:" SALT ":" ROOT, "verity.form"},
                {"ext4:sha256:4096:4096::272633856:" SALT ":" ROOT, "verity.form"},
                {"ext4:sha256:4096:4096:1000000000000000000:272633856:" SALT ":" ROOT,
                 "verity.form"},
                {"ext4:sha256:4096:4096:66560::" SALT ":" ROOT, "verity.form"},
                {"ext4:sha256:4096:4096:0:272633856:" SALT ":" ROOT, "verity.blocks"},
                {"ext4:sha256:4096:4096:1:272633856:" SALT ":" ROOT, "verity.blocks"},
                {"ext4:sha256:4096:4096:66560:272633857:" SALT ":" ROOT, "verity.tree"},
                {"ext4:sha256:4096:4096:66560:272629759:" SALT ":" ROOT, "verity.tree"},
                {"ext4:sha256:4096:4096:66560:272625664:" SALT ":" ROOT, "verity.tree"},
                {"ext4:sha256:4096:4096:66560:0:" SALT ":" ROOT, "verity.tree"},
                {"ext4:sha256:4096:4096:66560:272633856:" SALT "00:" ROOT, "verity.digest"},
                {"ext4:sha256:4096:4096:66560:272633856::" ROOT, "verity.digest"},
                {"ext4:sha256:4096:4096:66560:272633856:-:" ROOT, "verity.digest"},
        };
        struct sv_verity v = {.data_blocks = 7};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                FAILS(parse(t[i].text, &v), SV_USAGE, t[i].check);
        assert_int_equal(v.data_blocks, 7); /* written only on success */
}

static void test_digits(void **state)
{
        static const char *const bad[] = {"A", "g", " ", "/", ":"};
        struct sv_verity v;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                char text[] = GOOD;

                text[strlen(text) - 1] = bad[i][0];
                FAILS(parse(text, &v), SV_USAGE,
                      bad[i][0] == ':' ? "verity.form" : "verity.digest");
                strcpy(text, GOOD);
                text[strlen(text) - 70] = bad[i][0];
                FAILS(parse(text, &v), SV_USAGE,
                      bad[i][0] == ':' ? "verity.form" : "verity.digest");
        }
        FAILS(sv_verity_parse(sv_bytes(GOOD, strlen(GOOD) + 1), &v, &err), SV_USAGE,
              "verity.digest"); /* a zero behind it */
}

static void test_cuts(void **state)
{
        struct sv_verity v;

        for (size_t n = 0; n < strlen(GOOD); n++)
                assert_int_equal(sv_verity_parse(sv_bytes(GOOD, n), &v, &err), -1);
}

static int take_size(size_t bytes, struct sv_err *e)
{
        char text[320];
        struct sv_verity v;

        snprintf(text, sizeof(text), "ext4:sha256:4096:4096:%zu:%zu:" SALT ":" ROOT, bytes / 4096,
                 bytes + 4096);
        return sv_verity_parse(sv_bytes_str(text), &v, e);
}

static int take_tree(size_t at, struct sv_err *e)
{
        char text[320];
        struct sv_verity v;

        snprintf(text, sizeof(text), "ext4:sha256:4096:4096:2:%zu:" SALT ":" ROOT, at);
        return sv_verity_parse(sv_bytes_str(text), &v, e);
}

static void test_limits(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_VERITY_SIZE_MAX, 4096, take_size, SV_USAGE, "verity.blocks"),
                {"2 * SV_VERITY_SIZE_MAX", 2 * SV_VERITY_SIZE_MAX, 4096, take_tree, SV_USAGE,
                 "verity.tree"},
        };

        try_limits(cases, 2);
        assert_int_equal(take_size(2 * 4096, &err), 0);
}

/* 128 digests in a block: one level up to 128 blocks, then one more. */
static void test_sizes(void **state)
{
        static const struct {
                uint64_t blocks, tree_blocks;
        } t[] = {{2, 1},
                 {127, 1},
                 {128, 1},
                 {129, 3},
                 {16384, 129},
                 {16385, 129 + 3},
                 {262144, 2048 + 16 + 1}};
        struct sv_verity v = {.data_block = 4096};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                v.data_blocks = t[i].blocks;
                v.tree = (t[i].blocks + 1) * 4096;
                assert_true(sv_verity_data_size(&v) == t[i].blocks * 4096);
                assert_int_equal(sv_verity_end(&v), v.tree + t[i].tree_blocks * 4096);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),  cmocka_unit_test(test_changed),
                cmocka_unit_test(test_digits), cmocka_unit_test(test_cuts),
                cmocka_unit_test(test_limits), cmocka_unit_test(test_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
