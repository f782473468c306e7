/* SPDX-License-Identifier: Apache-2.0 */
/* A console's log, read again: wherever a piece ends the text is the same, and nothing steers. */
#include "base/program/replay.h"
#include "tests/unit/unit.h"

static void replays(const char *in, const char *expected)
{
        size_t n = strlen(in);

        for (size_t cut = 0; cut <= n; cut++) {
                struct sv_replay r = {0};
                SV_BUF out = SV_BUF_NULL;

                sv_replay_put(&r, sv_bytes(in, cut), &out);
                sv_replay_put(&r, sv_bytes(in + cut, n - cut), &out);
                assert_string_equal(sv_buf_str(&out), expected);
        }
}

static void texts(void **state)
{
        replays("[    0.1] a\r\nb\n", "[    0.1] a\nb\n");
        replays("\x1b[1;31mred\x1b[0m \x1b[mplain", "red plain");
        replays("\x1b[2J\x1b[01;01H\x1b[=3h\x1b[?25lBdsDxe", "BdsDxe");
        replays("\x1b[0 q.", ".");
        replays("a\r\r\nb", "a\nb"); /* as firmware ends its lines */
        replays("10%\r20%\r\n", "10%\n20%\n");
        replays("\xc3\xa4\x1b[1m\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac");
}

/* What is no control sequence stays, for whoever makes it visible: no text is swallowed. */
static void other_escapes(void **state)
{
        replays("\x1b]0;title\x07", "\x1b]0;title\x07");
        replays("\x1b"
                "cx",
                "\x1b"
                "cx");
        replays("\x1b\x1b[1mx", "\x1b\x1b[1mx");
        replays("\x1b[1\nx", "\nx");
        replays("\x1b[\x1b[1mx", "\x1b[1mx");
        replays("x\x1b", "x");
}

/* At the longest sequence, and one byte past it. */
static void bounded(void **state)
{
        for (int past = 0; past < 2; past++) {
                SV_BUF in = SV_BUF_NULL;

                sv_buf_puts(&in, "\x1b[");
                for (int i = 0; i < 63 + past; i++)
                        sv_buf_puts(&in, "1");
                sv_buf_puts(&in, "mx");
                replays(sv_buf_str(&in), past ? "1mx" : "x");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts),
                cmocka_unit_test(other_escapes),
                cmocka_unit_test(bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
