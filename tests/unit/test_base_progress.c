/* SPDX-License-Identifier: Apache-2.0 */
/* base/program/progress: the line's text; silence at first; a line that a terminal's next takes
 * away.
 */
#include "unit.h"

#include <pty.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "base/program/colour.h"
#include "base/program/log.h"
#include "base/program/progress.h"

static void expect_text(uint64_t done, uint64_t total, double rate, const char *expect)
{
        SV_BUF b = SV_BUF_NULL;

        sv_progress_format(&b, "encrypting", done, total, rate);
        assert_string_equal(sv_buf_str(&b), expect);
}

static void test_format(void **state)
{
        const double rate = (512 << 20) / 1000.0;

        expect_text(512ull << 20, 2ull << 30, rate,
                    "encrypting: 512 MiB of 2 GiB, 512 MiB/s, 3 s left");
        expect_text(2ull << 30, 2ull << 30, rate,
                    "encrypting: 2 GiB of 2 GiB, 512 MiB/s, 0 s left");
        expect_text(0, 1 << 20, 0, "encrypting: 0 B of 1 MiB");
}

/* A disk of 1000 MiB, whose first seconds go into something else: no rate is guessed from them, and
 * later ones forget them. */
static void test_rate(void **state)
{
        static const struct {
                int64_t at;
                uint64_t mib;
                double expect; /* MiB in a second; 0: not told */
        } t[] = {
                {1900, 30, 0},    /* not two seconds */
                {2000, 19, 0},    /* not a fiftieth */
                {2000, 20, 10},   /* from the beginning */
                {2500, 20, 8},    /* that is a mark */
                {5000, 520, 200}, /* from it on, and another */
                {6000, 720, 200}, /* the slow beginning is forgotten */
                {9000, 720, 50},  /* nothing moved for three seconds */
                {13000, 720, 0},  /* nor since that mark */
        };
        struct sv_progress_line l = {.what = "encrypting"};

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                double rate = sv_progress_rate(&l, t[i].mib << 20, 1000ull << 20, t[i].at) * 1000 /
                              (1 << 20);

                if (rate < t[i].expect - 0.1 || rate > t[i].expect + 0.1)
                        fail_msg("%lld ms: %f", (long long)t[i].at, rate);
        }
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
                cmocka_unit_test(test_rate),
                cmocka_unit_test(test_terminal),
                cmocka_unit_test(test_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
