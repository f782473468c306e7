/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR: what is well formed, each limit at its value and one past it, every length, and that what
 * is written is read. */
#include "base/core/cbor.h"
#include "base/core/encoding.h"
#include "base/core/limits.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static void forms(void **state)
{
        static const struct {
                const char *hex;
                bool ok;
        } t[] = {
                {"00", true},
                {"1818", true},
                {"190100", true},
                {"1a00010000", true},
                {"1b0000000100000000", true},
                {"20", true},
                {"40", true},
                {"4161", true},
                {"6161", true},
                {"80", true},
                {"8101", true},
                {"a0", true},
                {"a10001", true},
                {"c100", true},
                {"f4", true},
                {"f6", true},
                {"f93c00", true},
                {"fb3ff0000000000000", true},
                {"1800", true}, /* a longer head than needed */
                {"f8ff", true},
                {"", false},
                {"18", false},
                {"1c", false},
                {"1f", false},
                {"5f4161ff", false},
                {"7f6161ff", false},
                {"9f01ff", false},
                {"bf0001ff", false},
                {"ff", false},
                {"f81f", false},
                {"f800", false},
                {"41", false},
                {"6180", false},
                {"61c0", false},
                {"81", false},
                {"a100", false},
                {"c1", false},
                {"0000", false},
                {"a200010002", false},
                {"a2616101616102", false},
                {"5bffffffffffffffff", false},
                {"9bffffffffffffffff", false},
                {"bbffffffffffffffff", false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_BUF raw = SV_BUF_NULL;
                struct sv_cbor item;

                print_message("%s\n", t[i].hex);
                OK(sv_unhex(sv_bytes_str(t[i].hex), &raw, "test", &err));
                if (t[i].ok)
                        OK(sv_cbor_parse(sv_buf_bytes(&raw), &item, "x.cbor", &err));
                else
                        FAILS(sv_cbor_parse(sv_buf_bytes(&raw), &item, "x.cbor", &err), SV_FORMAT,
                              "x.cbor");
        }
}

static void limits(void **state)
{
        static const unsigned most[] = {SV_CBOR_DEPTH_MAX, SV_CBOR_ITEMS_MAX, SV_CBOR_MAP_MAX};

        for (size_t which = 0; which < 3; which++)
                for (unsigned n = most[which]; n <= most[which] + 1; n++) {
                        SV_BUF text = SV_BUF_NULL;
                        struct sv_cbor item;

                        for (unsigned i = 1; which == 0 && i < n; i++)
                                sv_cbor_put(&text, SV_CBOR_LIST, 1);
                        if (which == 1)
                                sv_cbor_put(&text, SV_CBOR_LIST, n - 1); /* itself is one */
                        if (which == 2)
                                sv_cbor_put(&text, SV_CBOR_MAP, n);
                        for (unsigned i = 0; i < (which == 0 ? 1 : which == 1 ? n - 1 : 2 * n); i++)
                                sv_cbor_put_int(&text, i);
                        OK(sv_buf_ok(&text, "a test", &err));
                        if (n > most[which])
                                FAILS(sv_cbor_parse(sv_buf_bytes(&text), &item, "x.cbor", &err),
                                      SV_FORMAT, "x.cbor");
                        else
                                OK(sv_cbor_parse(sv_buf_bytes(&text), &item, "x.cbor", &err));
                }
}

static void there_and_back(void **state)
{
        static const int64_t numbers[] = {
                0,         23, 24,  255, 256,  65535, 65536,    UINT32_MAX, (int64_t)UINT32_MAX + 1,
                INT64_MAX, -1, -24, -25, -256, -257,  INT64_MIN};
        SV_BUF text = SV_BUF_NULL;
        struct sv_cbor map, item, inside;
        struct sv_bytes rest;
        size_t n = sizeof(numbers) / sizeof(*numbers);
        int64_t back;

        sv_cbor_put(&text, SV_CBOR_MAP, n + 1);
        for (size_t i = 0; i < n; i++) {
                sv_cbor_put_int(&text, numbers[i]);
                sv_cbor_put_int(&text, numbers[n - 1 - i]);
        }
        sv_cbor_put_text(&text, "t");
        sv_cbor_put(&text, SV_CBOR_TAG, 501);
        sv_cbor_put_bytes(&text, sv_bytes_str("b"));
        for (size_t cut = 0; cut < text.n; cut++)
                FAILS(sv_cbor_parse(sv_bytes(text.p, cut), &map, "x.cbor", &err), SV_FORMAT,
                      "x.cbor");
        OK(sv_cbor_parse(sv_buf_bytes(&text), &map, "x.cbor", &err));
        for (size_t i = 0; i < n; i++) {
                assert_true(sv_cbor_get(&map, numbers[i], &item));
                assert_true(sv_cbor_int(&item, &back));
                assert_true(back == numbers[n - 1 - i]);
        }
        assert_false(sv_cbor_get(&map, 7, &item));
        assert_false(sv_cbor_get(&item, 0, &inside)); /* no map */
        rest = map.data;
        for (size_t i = 0; i < 2 * n + 2; i++)
                assert_true(sv_cbor_next(&rest, &item));
        assert_false(sv_cbor_next(&rest, &inside));
        assert_true(sv_cbor_untag(&item, 501, &inside));
        assert_int_equal(inside.kind, SV_CBOR_BYTES);
        assert_memory_equal(inside.data.p, "b", inside.data.n);
        assert_false(sv_cbor_untag(&item, 500, &inside));
        assert_false(sv_cbor_untag(&inside, 501, &inside));
        assert_false(sv_cbor_int(&item, &back));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(forms),
                cmocka_unit_test(limits),
                cmocka_unit_test(there_and_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
