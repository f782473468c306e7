/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/file.h"
#include "base/json/json.h"
#include "tests/unit/unit.h"

#define NEST16   "[[[[[[[[[[[[[[[["
#define UNNEST16 "]]]]]]]]]]]]]]]]"

static void refuses_what_is_not_json(void **state)
{
        static const char *const bad[] = {
                "",
                " ",
                "{",
                "}",
                "[1,]",
                "{\"a\":1,}",
                "{\"a\" 1}",
                "{a:1}",
                "{'a':1}",
                "01",
                "1.",
                ".5",
                "+1",
                "1e",
                "-",
                "NaN",
                "nan",
                "Infinity",
                "-Infinity",
                "True",
                "nul",
                "nulll",
                "\"a",
                "\"\t\"",
                "\"\\x\"",
                "\"\\u12g4\"",
                "\"\xff\"",
                "\"\xc0\x80\"",
                "\"\xed\xa0\x80\"",
                "\"\xf4\x90\x80\x80\"",
                "{} {}",
                "1 2",
                "[1 2]",
                "/* c */ 1",
                "// c\n1",
                "\xef\xbb\xbf{}",
                "{\"a\":1 \"b\":2}",
                "{\"a\":1,\"a\":2}",
                "{\"x\":{\"a\":1,\"b\":2,\"a\":1}}",
                "{\"a\":1,\"\\u0061\":2}",
                "[{\"a\":1,\"a\":1}]",
                NEST16 NEST16 "1" UNNEST16 UNNEST16,
        };
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                SV_JSON *j = NULL;

                FAILS(sv_json_parse(sv_bytes_str(bad[i]), "t", &j, &err), SV_FORMAT, "t.json");
                assert_null(j);
        }
}

static void takes_what_is(void **state)
{
        static const char *const good[] = {
                "0",
                "-0",
                "1.5e-3",
                "\"\"",
                "\"\\u00e4\\n\\/\"",
                "\"\xc3\xa4\"",
                "true",
                "false",
                "[]",
                "{}",
                " [ 1 , 2 ] ",
                "{\"a\":{\"a\":1}}",
                NEST16 "1" UNNEST16,
        };
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                SV_JSON *j = NULL;

                OK(sv_json_parse(sv_bytes_str(good[i]), "t", &j, &err));
                assert_non_null(j);
        }
}

/* Of two members with one name the second is named with its place, the first such one of all. */
static void names_the_second_member(void **state)
{
        static const struct {
                const char *text, *says;
        } t[] = {
                {"{\n\"a\":1,\n \"a\":2}",
                 "line 3, column 2: the object has two members with the same "
                 "name, \"a\";"},
                {"{\"a\":{\"b\":1,\"c\":2,\n\"b\":3},\"x\":1,\"x\":2}", "line 2, column 1: "},
                {"[{\"a\":1},{\"a\":{\"a\":1}},\n{\"b\":1,\"bb\":1,\"\":1,\"\":1}]",
                 "line 2, column 20: the object has two members with the same name, \"\";"},
                {"{\"\xc2\x80\":1,\"\xc2\x80\":1}", "same name, \"??\";"},
                {"{\"a\":1,\"\\u0061\":1}", "an object has two members"},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *j = NULL;

                FAILS(sv_json_parse(sv_bytes_str(t[i].text), "t", &j, &err), SV_FORMAT, "t.json");
                if (!strstr(err.msg, t[i].says))
                        fail_msg("%s: %s", t[i].text, err.msg);
        }
}

/* RFC 3629, section 4: the first and last text of each length, and what lies beside them. */
static void utf8_at_its_borders(void **state)
{
        static const char *const good[] = {
                "\x7f",          "\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80",
                "\xed\x9f\xbf",  "\xee\x80\x80",     "\xef\xbf\xbf",     "\xe2\x82\xac",
                "\xe2\x82\xacx", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
        };
        static const char *const bad[] = {
                "\x80",
                "\xbf",
                "\xc0\x80",
                "\xc1\xbf",
                "\xc2",
                "\xc2\x7f",
                "\xc2\xc0",
                "\xe0\x9f\xbf",
                "\xe2\x82",
                "\xe2\x82x",
                "\xe2x\xac",
                "\xed\xa0\x80",
                "\xed\xbf\xbf",
                "\xf0\x90\x80",
                "\xf0\x8f\xbf\xbf",
                "\xf4\x90\x80\x80",
                "\xf5\x80\x80\x80",
                "\xff",
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                SV_STR text = sv_asprintf("[\"%s\"]", good[i]);
                SV_JSON *j = NULL;

                OK(sv_json_parse(sv_bytes_str(text), "t", &j, &err));
                assert_string_equal(sv_json_str(sv_json_at(j, 0)), good[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                SV_STR text = sv_asprintf("[\"%s\"]", bad[i]);
                SV_JSON *j = NULL;

                FAILS(sv_json_parse(sv_bytes_str(text), "t", &j, &err), SV_FORMAT, "t.json");
                assert_non_null(strstr(err.msg, "UTF-8"));
        }
}

/* The tree is compared with what was counted in the text: escapes in all their lengths, halves of
 * pairs alone and in the wrong order. */
static void takes_all_escapes(void **state)
{
        static const struct {
                const char *text;
                const char *value;
        } cases[] = {
                {"\\n\\\\\\u0041\\u00e4\\u20ac", "\n\\A\xc3\xa4\xe2\x82\xac"},
                {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
                {"\\ud83d", "\xef\xbf\xbd"},
                {"\\ude00x", "\xef\xbf\xbdx"},
                {"\\ud83dx", "\xef\xbf\xbdx"},
                {"\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd"},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_STR text = sv_asprintf("{\"%s\":[\"%s\",null]}", cases[i].text, cases[i].text);
                SV_JSON *j = NULL;

                OK(sv_json_parse(sv_bytes_str(text), "t", &j, &err));
                assert_string_equal(sv_json_str(sv_json_at(sv_json_get(j, cases[i].value), 0)),
                                    cases[i].value);
        }
}

static void names_have_no_zero(void **state)
{
        struct sv_err err;
        SV_JSON *j = NULL;

        OK(sv_json_parse(sv_bytes_str("{\"a\\\\u0000\":1}"), "t", &j, &err));
        assert_non_null(sv_json_get(j, "a\\u0000"));
        FAILS(sv_json_parse(sv_bytes_str("{\"a\\u0000b\":1}"), "t", &j, &err), SV_FORMAT, "t.json");
        assert_non_null(strstr(err.msg, "column 2: expected no zero byte in a member's name"));
}

static void every_cut_is_refused(void **state)
{
        const char *text = "{\"a\":[1,2.5,\"x\\u00e4\",null,true],\"b\":{\"c\":-7}}";
        struct sv_err err = SV_ERR_NULL;

        for (size_t n = 0; n < strlen(text); n++) {
                SV_JSON *j = NULL;

                FAILS(sv_json_parse(sv_bytes(text, n), "t", &j, &err), SV_FORMAT, "t.json");
        }
}

static void looks_up(void **state)
{
        const char *text = "{\"a\":[1,{\"b\":\"c\"}],\"n\":null,\"s\":\"x\\u0000y\",\"k/"
                           "~\":5,\"big\":9223372036854775807}";
        const char *const known[] = {"a", "n", "s", "big", NULL};
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *j = NULL;
        const char *s;
        int64_t v;

        OK(sv_json_parse(sv_bytes_str(text), "t", &j, &err));
        assert_string_equal(sv_json_str(sv_json_pointer(j, "/a/1/b")), "c");
        assert_null(sv_json_pointer(j, "/a/2"));
        assert_int_equal(sv_json_int(sv_json_pointer(j, "/k~1~0"), 0), 5);
        assert_null(sv_json_str(sv_json_get(j, "s"))); /* holds a NUL */
        OK(sv_json_need_int(j, "big", 0, INT64_MAX, &v, "t", &err));
        assert_true(v == INT64_MAX);
        FAILS(sv_json_need_int(j, "big", 0, 5, &v, "t", &err), SV_FORMAT, "t.member");
        FAILS(sv_json_need_str(j, "s", &s, "t", &err), SV_FORMAT, "t.member");
        FAILS(sv_json_need_str(j, "none", &s, "t", &err), SV_FORMAT, "t.member");
        FAILS(sv_json_only(j, known, "t", &err), SV_FORMAT, "t.unknown");
}

static void tells_lines(void **state)
{
        struct sv_bytes text = sv_bytes_str(
                "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": [\n      1,\n      2\n    ]\n  }\n}\n");

        assert_int_equal(sv_json_line(text, ""), 1);
        assert_int_equal(sv_json_line(text, "/a"), 2);
        assert_int_equal(sv_json_line(text, "/b/c"), 4);
        assert_int_equal(sv_json_line(text, "/b/c/1"), 6);
        assert_int_equal(sv_json_line(text, "/b/d"), 0);
        assert_true(
                sv_bytes_eq(sv_json_raw(sv_bytes_str(" {\"a\": {\"b\" : [1 ]} , \"c\":2}"), "/a"),
                            sv_bytes_str("{\"b\" : [1 ]}")));
        assert_int_equal(sv_json_raw(text, "/none").n, 0);
}

static void canonical_form(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *j = NULL;
        SV_JSON *d = NULL;
        SV_BUF out = SV_BUF_NULL;
        const char *text = "{\"b\":[1,true,null,-5],\"a\":\"/\\u000a\\u0001\\u00e4\\\"\",\"A\":{}}";

        OK(sv_json_parse(sv_bytes_str(text), "t", &j, &err));
        OK(sv_json_canonical(j, &out, &err));
        assert_string_equal(sv_buf_str(&out),
                            "{\"A\":{},\"a\":\"/\\n\\u0001\xc3\xa4\\\"\",\"b\":[1,true,null,-5]}");
        OK(sv_json_parse(sv_bytes_str("[1.5]"), "t", &d, &err));
        FAILS(sv_json_canonical(d, &out, &err), SV_FORMAT, "json.canonical");
}

static void writes(void **state)
{
        SV_JSON *j = sv_json_object();
        SV_BUF out = SV_BUF_NULL;

        sv_json_set_str(j, "s", "a/b");
        sv_json_set_int(j, "i", -3);
        sv_json_set_bool(j, "b", true);
        sv_json_set_hex(j, "h", sv_bytes("\x01\xff", 2));
        sv_json_set_b64(j, "e", sv_bytes("f", 1));
        sv_json_set_str(j, "n", NULL);
        sv_json_print(j, &out);
        assert_string_equal(
                sv_buf_str(&out),
                "{\"s\":\"a/b\",\"i\":-3,\"b\":true,\"h\":\"01ff\",\"e\":\"Zg==\",\"n\":null}");
}

static void lists(void **state)
{
        SV_JSON *to = NULL, *from = NULL, *absent = sv_json_new_str("c");
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str("[\"a\"]"), "test", &to, &err));
        OK(sv_json_parse(sv_bytes_str("[\"b\",{\"x\":[1]}]"), "test", &from, &err));
        sv_json_add_all(to, from);
        sv_json_add_all(to, NULL);
        sv_json_print(to, &text);
        assert_string_equal(sv_buf_str(&text), "[\"a\",\"b\",{\"x\":[1]}]");
        assert_true(sv_json_contains(to, sv_json_at(from, 0)));
        assert_true(sv_json_contains(to, sv_json_at(from, 1)));
        assert_false(sv_json_contains(to, absent));
        assert_false(sv_json_contains(NULL, absent));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lists),
                cmocka_unit_test(refuses_what_is_not_json),
                cmocka_unit_test(takes_what_is),
                cmocka_unit_test(names_the_second_member),
                cmocka_unit_test(utf8_at_its_borders),
                cmocka_unit_test(takes_all_escapes),
                cmocka_unit_test(names_have_no_zero),
                cmocka_unit_test(every_cut_is_refused),
                cmocka_unit_test(looks_up),
                cmocka_unit_test(tells_lines),
                cmocka_unit_test(canonical_form),
                cmocka_unit_test(writes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
