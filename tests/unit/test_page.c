/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for a ticket: what others wrote stays text, and the policy names the style that is there.
 */
#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "base/program/page.h"
#include "tests/unit/unit.h"

#define HOSTILE "<b a='1' c=\"2\">&amp;\x1b[2J\n\xff</b>"
#define SHOWN   "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;?[2J??&lt;/b&gt;"

static struct sv_err err;

static void every_text_is_escaped(void **state)
{
        static const char *const heads[] = {HOSTILE, NULL};
        SV_BUF p = SV_BUF_NULL;
        const char *at;
        unsigned n = 0;

        sv_page_begin(&p, HOSTILE, HOSTILE);
        sv_page_section_begin(&p, HOSTILE);
        sv_page_note(&p, SV_MOOD_BAD, HOSTILE);
        sv_page_facts_begin(&p);
        sv_page_fact(&p, HOSTILE, HOSTILE);
        sv_page_fact(&p, HOSTILE, NULL);
        sv_page_fact_code(&p, HOSTILE, HOSTILE);
        sv_page_fact_badge(&p, HOSTILE, SV_MOOD_WARN, HOSTILE);
        sv_page_facts_end(&p);
        sv_page_table_begin(&p, heads);
        sv_page_row_begin(&p);
        sv_page_cell(&p, HOSTILE);
        sv_page_cell_short(&p, HOSTILE);
        sv_page_cell_code(&p, HOSTILE);
        sv_page_cell_badge(&p, SV_MOOD_GOOD, HOSTILE);
        sv_page_cell_begin(&p);
        sv_page_fold_begin(&p, HOSTILE, HOSTILE, true);
        sv_page_fold_end(&p);
        sv_page_cell_end(&p);
        sv_page_row_end(&p);
        sv_page_table_end(&p);
        sv_page_section_end(&p);
        sv_page_end(&p, HOSTILE, 0);
        for (at = sv_buf_str(&p); (at = strstr(at, SHOWN)); at += strlen(SHOWN))
                n++;
        assert_int_equal(n, 2 + 1 + 1 + 1 + 6 + 1 + 4 + 2 + 1);
        assert_null(strstr(sv_buf_str(&p), "<b a"));
        assert_null(strchr(sv_buf_str(&p), '\x1b'));
        assert_non_null(strstr(sv_buf_str(&p), "1970-01-01T00:00:00Z"));
}

static void the_policy_names_the_style(void **state)
{
        uint8_t digest[SV_DIGEST_MAX];
        SV_BUF text = SV_BUF_NULL;
        SV_BUF p = SV_BUF_NULL;

        OK(sv_digest(SV_SHA256, sv_bytes_str(sv_page_style), digest, &err));
        sv_put_base64(&text, sv_bytes(digest, 32));
        assert_string_equal(sv_buf_str(&text), SV_PAGE_STYLE_SHA256);
        sv_page_begin(&p, "t", NULL);
        assert_non_null(strstr(sv_buf_str(&p), "default-src 'none'; style-src 'sha256-"));
        assert_non_null(strstr(sv_buf_str(&p), SV_PAGE_STYLE_SHA256));
        /* between its tags as it was hashed, and with nothing to fetch */
        assert_non_null(strstr(sv_buf_str(&p), sv_page_style));
        assert_null(strstr(sv_page_style, "url("));
        assert_null(strstr(sv_page_style, "@import"));
        assert_null(strstr(sv_buf_str(&p), "<script"));
}

static void bars_stay_within(void **state)
{
        static const struct {
                uint64_t at, length, whole;
                const char *rect;
        } t[] = {
                {0, 50, 100, "x=\"0\" width=\"500\""},
                {50, 50, 100, "x=\"500\" width=\"500\""},
                {100, 0, 100, "x=\"996\" width=\"4\""},
                {90, 50, 100, "x=\"500\" width=\"500\""},
                {0, UINT64_MAX / 1000, 1, "width=\"1000\""},
                {0, 0, 0, "x=\"0\" width=\"4\""},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF p = SV_BUF_NULL;

                sv_page_cell_bar(&p, SV_MOOD_PLAIN, t[i].at, t[i].length, t[i].whole);
                if (!strstr(sv_buf_str(&p), t[i].rect))
                        fail_msg("%zu: \"%s\" is not in %s", i, t[i].rect, sv_buf_str(&p));
        }
}

static void figures_escape_texts(void **state)
{
        static const struct sv_page_box box = {1, 2, 3, 4};
        const enum sv_mood mood = SV_MOOD_WARN;
        SV_BUF p = SV_BUF_NULL;

        sv_page_figure_begin(&p, 10, 20);
        sv_page_figure_box(&p, &mood, &box, "<a>");
        sv_page_figure_box(&p, NULL, &box, "frame");
        sv_page_figure_text(&p, 5, 6, "\"b\"");
        sv_page_figure_end(&p);
        assert_string_equal(
                sv_buf_str(&p),
                "<svg class=\"figure\" width=\"10\" height=\"20\" viewBox=\"0 0 10 20\" "
                "role=\"img\">\n"
                "<rect class=\"warn\" x=\"1\" y=\"2\" width=\"3\" height=\"4\">"
                "<title>&lt;a&gt;</title></rect>\n"
                "<rect class=\"frame\" x=\"1\" y=\"2\" width=\"3\" height=\"4\">"
                "<title>frame</title></rect>\n"
                "<text x=\"5\" y=\"6\">&quot;b&quot;</text>\n</svg>\n");
}

static void written_whole(void **state)
{
        SV_BUF p = SV_BUF_NULL;

        sv_page_begin(&p, "t", NULL);
        FAILS(sv_page_write("/nonexistent/page.html", 0666, &p, &err), SV_SYSTEM, "file.write");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_text_is_escaped),
                cmocka_unit_test(the_policy_names_the_style),
                cmocka_unit_test(bars_stay_within),
                cmocka_unit_test(figures_escape_texts),
                cmocka_unit_test(written_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
