/* SPDX-License-Identifier: Apache-2.0 */
/* base/program/progress: the line's text; silence at first; a line that a terminal's next takes
 * away.
 */
#include "unit.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "base/program/colour.h"
#include "base/program/log.h"
#include "base/program/progress.h"

static void expect_text(uint64_t done, uint64_t total, int64_t ms, const char *expect)
{
        SV_BUF b = SV_BUF_NULL;

        sv_progress_format(&b, "encrypting", done, total, ms);
        assert_string_equal(sv_buf_str(&b), expect);
}

static void test_format(void **state)
{
        expect_text(512ull << 20, 2ull << 30, 1000,
                    "encrypting: 512 MiB of 2 GiB, 512 MiB/s, 3 s left");
        expect_text(2ull << 30, 2ull << 30, 4000,
                    "encrypting: 2 GiB of 2 GiB, 512 MiB/s, 0 s left");
        expect_text(0, 1 << 20, 0, "encrypting: 0 B of 1 MiB, 0 MiB/s");
}

/* The third second of the work, and then a message. */
static void work(void)
{
        struct sv_progress_line l;

        sv_log_init("test", 0);
        sv_progress_begin(&l, "working");
        sv_progress_seen(&l.progress, 1 << 20, 4 << 20);
        l.begun -= 2500;
        l.said -= 300;
        sv_progress_seen(&l.progress, 2 << 20, 4 << 20);
        sv_info("done");
        sv_progress_end(&l);
}

static void test_terminal(void **state)
{
        struct winsize size = {.ws_row = 25, .ws_col = 80};
        char text[1024] = "";
        size_t n = 0;
        int pty;
        pid_t pid = forkpty(&pty, NULL, NULL, &size);

        if (pid == 0) {
                setenv("TERM", "xterm", 1);
                sv_colours_init();
                work();
                _exit(0);
        }
        for (ssize_t r; (r = read(pty, text + n, sizeof(text) - 1 - n)) > 0;)
                n += (size_t)r;
        close(pty);
        waitpid(pid, NULL, 0);
        assert_non_null(strstr(text, "test: working: 2 MiB of 4 MiB"));
        assert_non_null(strstr(text, "\r\033[Ktest: done"));
        assert_null(strstr(text, "1 MiB of")); /* before its time */
}

/* In a file there are whole lines, ten seconds apart. */
static void test_file(void **state)
{
        char path[] = "/tmp/secure-vm-progress-XXXXXX", text[256] = "";
        SV_FD fd = mkstemp(path), before = dup(2);

        unlink(path);
        fflush(stderr);
        dup2(fd, 2);
        work();
        dup2(before, 2);
        assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
        assert_string_equal(text, "test: done\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_terminal),
                cmocka_unit_test(test_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
