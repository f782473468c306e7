/* SPDX-License-Identifier: Apache-2.0 */
/* Colours and the live line, as a terminal gets them. */
#include <pty.h>
#include <sys/wait.h>

#include "base/core/buf.h"
#include "base/program/colour.h"
#include "base/program/log.h"
#include "base/program/terminal.h"
#include "tests/unit/unit.h"

/* What `run` writes to standard output and standard error, both a terminal of 40 columns. */
static void run_on_terminal(void (*run)(void), const char *term, const char *no_color,
                            struct sv_buf *out)
{
        const struct winsize size = {.ws_row = 24, .ws_col = 40};
        char chunk[512];
        int master;
        pid_t pid = forkpty(&master, NULL, NULL, &size);
        ssize_t n;

        assert_true(pid >= 0);
        if (pid == 0) {
                setenv("TERM", term, 1);
                setenv("NO_COLOR", no_color, 1);
                sv_colours_init();
                sv_log_init("p", 0);
                sv_terminal_guard_stdout();
                run();
                fflush(stdout);
                _exit(0);
        }
        while ((n = read(master, chunk, sizeof(chunk))) > 0)
                sv_buf_put(out, sv_bytes(chunk, (size_t)n));
        close(master);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void writes(void (*run)(void), const char *term, const char *no_color, const char *expected)
{
        SV_BUF out = SV_BUF_NULL;

        run_on_terminal(run, term, no_color, &out);
        assert_string_equal(sv_buf_str(&out), expected);
}

static void warn_once(void)
{
        sv_warn("%s", "slow");
}

static void messages(void **state)
{
        writes(warn_once, "xterm", "", "p: \x1b[33mwarning: \x1b[0mslow\r\n");
        writes(warn_once, "xterm", "1", "p: warning: slow\r\n");
        writes(warn_once, "dumb", "", "p: warning: slow\r\n");
        writes(warn_once, "", "", "p: warning: slow\r\n");
}

static void print_words(void)
{
        printf("%sgood%s \x1b[31m\x01"
               "00000000e\n",
               sv_colour(1, SV_COLOUR_GREEN), sv_colour(1, SV_COLOUR_NONE));
}

static void words_on_output(void **state)
{
        writes(print_words, "xterm", "", "\x1b[32mgood\x1b[0m ?[31m?00000000e\r\n");
        writes(print_words, "xterm", "1", "good ?[31m?00000000e\r\n");
        writes(print_words, "dumb", "", "good ?[31m?00000000e\r\n");
}

static void wait_and_say(void)
{
        sv_live("%d s: äwaits\x1b for what is longer than a line", 1);
        sv_info("%s", "done");
        sv_live("%s", "more");
        sv_live_end();
        sv_live_end();
}

static void a_live_line(void **state)
{
        writes(wait_and_say, "xterm", "",
               "\r\x1b[2mp: 1 s: äwaits? for what is longer than\x1b[0m\x1b[K"
               "\r\x1b[Kp: done\r\n"
               "\r\x1b[2mp: more\x1b[0m\x1b[K\r\x1b[K");
        writes(wait_and_say, "xterm", "1",
               "\rp: 1 s: äwaits? for what is longer than\x1b[K"
               "\r\x1b[Kp: done\r\n"
               "\rp: more\x1b[K\r\x1b[K");
        writes(wait_and_say, "dumb", "", "p: done\r\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(messages),
                cmocka_unit_test(words_on_output),
                cmocka_unit_test(a_live_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
