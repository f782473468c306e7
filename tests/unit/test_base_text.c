/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/text.h"
#include "base/core/visible.h"
#include "tests/unit/unit.h"

static void sizes(void **state)
{
        static const struct {
                const char *text;
                uint64_t bytes;
                bool ok;
        } t[] = {
                {"0", 0, true},
                {"512", 512, true},
                {"2GiB", 2ull << 30, true},
                {"1kB", 1000, true},
                {"16777215TiB", 16777215ull << 40, true},
                {"16777216TiB", 0, false},
                {"", 0, false},
                {"GiB", 0, false},
                {"1.5GiB", 0, false},
                {"-1", 0, false},
                {"2 GiB", 0, false},
                {"2gib", 0, false},
                {"99999999999999999999", 0, false},
                {"0x10", 0, false},
        };
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                uint64_t v = 1;

                if (t[i].ok) {
                        OK(sv_parse_size(t[i].text, &v, "t.size", &err));
                        assert_true(v == t[i].bytes);
                } else {
                        FAILS(sv_parse_size(t[i].text, &v, "t.size", &err), SV_USAGE, "t.size");
                        assert_int_equal(v, 1);
                }
        }
}

static void numbers(void **state)
{
        static const char *const bad[] = {
                "", " 1", "-1", "0x", "0x-1", "1a", "18446744073709551616", "256"};
        struct sv_err err = SV_ERR_NULL;
        uint64_t v = 0;

        OK(sv_parse_u64("0x30000", UINT64_MAX, &v, "t.n", &err));
        assert_int_equal(v, 0x30000);
        OK(sv_parse_u64("255", 255, &v, "t.n", &err));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                FAILS(sv_parse_u64(bad[i], 255, &v, "t.n", &err), SV_USAGE, "t.n");
}

static void times(void **state)
{
        static const struct {
                const char *text;
                int64_t at;
        } good[] = {
                {"1970-01-01T00:00:00Z", 0},
                {"2026-01-31T12:00:00Z", 1769860800},
                {"2026-01-31T13:30:00+01:30", 1769860800},
                {"2026-01-31T12:00:00.123Z", 1769860800},
                {"2024-02-29T00:00:00Z", 1709164800},
        };
        static const char *const bad[] = {
                "",
                "2026",
                "2026-13-01T00:00:00Z",
                "2026-02-29T00:00:00Z",
                "2026-01-31T24:00:00Z",
                "2026-01-31T12:00:00",
                "2026-01-31 12:00",
                "2026-01-31T12:00:00+25:00",
                "2026-01-31T12:00:00Zx",
                "2026-01-00T00:00:00Z",
        };
        struct sv_err err = SV_ERR_NULL;
        char text[32];
        int64_t v;

        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                OK(sv_parse_time(good[i].text, &v, "t.time", &err));
                assert_true(v == good[i].at);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                FAILS(sv_parse_time(bad[i], &v, "t.time", &err), SV_USAGE, "t.time");
        assert_string_equal(sv_format_time(1769860800, text), "2026-01-31T12:00:00Z");
}

static void names_and_uuids(void **state)
{
        static const char *const bad_names[] = {
                "",    ".",   "../x",
                "a/b", "a b", "0123456789012345678901234567890123456789012345678901234567890123",
        };
        static const char *const bad_uuids[] = {
                "",
                "00112233445566778899aabbccddeeff",
                "00112233-4455-6677-8899-aabbccddeefg",
                "00112233-4455-6677-8899aabb-ccddeeff",
        };
        struct sv_err err = SV_ERR_NULL;
        uint8_t uuid[16];
        char text[37];

        assert_true(sv_name_ok("demo-1.x_Y"));
        for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++)
                assert_false(sv_name_ok(bad_names[i]));
        OK(sv_parse_uuid("00112233-4455-6677-8899-aabbccddeeff", uuid, "t.uuid", &err));
        assert_string_equal(sv_format_uuid(uuid, text), "00112233-4455-6677-8899-aabbccddeeff");
        for (size_t i = 0; i < sizeof(bad_uuids) / sizeof(bad_uuids[0]); i++)
                FAILS(sv_parse_uuid(bad_uuids[i], uuid, "t.uuid", &err), SV_USAGE, "t.uuid");
}

static void visible(void **state)
{
        static const struct {
                const char *text, *shown;
                bool lines;
        } t[] = {
                {"plain text, 100 %", "plain text, 100 %", false},
                {"\x1b]0;pwned\a\x1b[2J", "?]0;pwned??[2J", false},
                {"tab\tstays", "tab\tstays", false},
                {"one\ntwo\r", "one?two?", false},
                {"one\ntwo\r", "one\ntwo?", true},
                {"\x7f", "?", true},
                {"\xc2\x9b"
                 "2J",
                 "??2J", true}, /* CSI as one character */
                {"\x9b"
                 "2J",
                 "?2J", true},
                {"\xc2\x9f", "??", false},
                {"\xc2\xa0", "\xc2\xa0", false},
                {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
                 false},
                {"\xc0\xaf", "??", false},           /* overlong */
                {"\xe0\x80\xaf", "???", false},      /* overlong */
                {"\xed\xa0\x80", "???", false},      /* surrogate */
                {"\xf4\x90\x80\x80", "????", false}, /* above U+10FFFF */
                {"\xe2\x82", "??", false},           /* cut */
                {"\xe2\x1b[", "??[", false},         /* a control where a byte was to follow */
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                char text[64];

                snprintf(text, sizeof(text), "%s", t[i].text);
                sv_make_visible(text, strlen(text), t[i].lines);
                assert_string_equal(text, t[i].shown);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes),           cmocka_unit_test(numbers),
                cmocka_unit_test(times),           cmocka_unit_test(visible),
                cmocka_unit_test(names_and_uuids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
