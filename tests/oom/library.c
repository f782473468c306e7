/* SPDX-License-Identifier: Apache-2.0 */
/* The verifiers as a library: they may not end their caller. One allocation at a time fails inside
 * evidence -> appraisal, each time in a process of its own, and what comes back must be the same
 * verdict as undisturbed, or SV_SYSTEM "base.memory".
 *
 *     oom-library TEE TIME EVIDENCE POINTS KIND=FILE...
 *
 * POINTS: how many allocations are tried, evenly; 0: all. Prints "N tried, N without memory, N with
 * the whole answer, N of the wrong class, N crashed in a foreign library"; exit status 1 when any
 * is of the wrong class, or crashed in our own code. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/appraise.h"
#include "base/core/file.h"
#include "base/core/text.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* 0: nothing fails and nothing is counted. */
static long fail_at, count;

static bool is_due(void)
{
        return fail_at && ++count == fail_at;
}

static void *fail(void)
{
        errno = ENOMEM;
        return NULL;
}

void *malloc(size_t size)
{
        return is_due() ? fail() : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
        return is_due() ? fail() : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
        return is_due() ? fail() : __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
        size_t bytes;

        return __builtin_mul_overflow(n, size, &bytes) ? fail() : realloc(p, bytes);
}

void *memalign(size_t alignment, size_t size)
{
        return is_due() ? fail() : __libc_memalign(alignment, size);
}

struct input {
        const struct sv_tee_verify *tee;
        struct sv_bytes raw;
        struct sv_verify_in in;
};

/* The text of the claims and the verdict; "" with *err. */
static int appraise_input(const struct input *what, struct sv_buf *out, struct sv_err *err)
{
        SV_JSON *json = NULL, *claims = NULL, *said = NULL;
        SV_EVIDENCE *evidence = NULL;
        struct sv_verdict verdict;

        if (sv_evidence_wrap(what->tee, what->raw, &json, err) < 0)
                return -1;
        if (sv_evidence_open(what->tee, json, &evidence, err) < 0)
                return -1;
        if (sv_appraise(evidence, &what->in, NULL, &claims, &verdict, err) < 0)
                return -1;
        fail_at = 0;
        said = sv_verdict_json(&verdict);
        sv_json_print(claims, out);
        sv_json_print(said, out);
        return sv_buf_ok(out, "the answer", err);
}

enum { WHOLE, NO_MEMORY, WRONG, CRASHED_ABROAD, CRASHED, VERDICTS };

/* Whose code was it? The first frame that is not the C library's: this program, or a library that
 * used what it had not got. */
static void judge_crash(int number)
{
        void *frames[64];
        int n;

        fail_at = 0;
        n = backtrace(frames, 64);
        for (int i = 2; i < n; i++) {
                Dl_info at;

                if (!dladdr(frames[i], &at) || strstr(at.dli_fname, "/libc.so"))
                        continue;
                if (!strstr(at.dli_fname, ".so"))
                        backtrace_symbols_fd(frames, n < 8 ? n : 8, 2);
                _exit(strstr(at.dli_fname, "/lib") && strstr(at.dli_fname, ".so") ? CRASHED_ABROAD
                                                                                  : CRASHED);
        }
        _exit(CRASHED);
}

static void trap_crashes(void)
{
        void *frames[4];

        backtrace(frames, 4); /* loads what it needs */
        signal(SIGSEGV, judge_crash);
        signal(SIGABRT, judge_crash);
        signal(SIGBUS, judge_crash);
}

static int try_point(const struct input *what, long n, struct sv_bytes whole)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF out = SV_BUF_NULL;
        int r;

        trap_crashes();
        fail_at = n;
        r = appraise_input(what, &out, &err);
        fail_at = 0;
        if (r == 0)
                return sv_bytes_eq(sv_buf_bytes(&out), whole) ? WHOLE : WRONG;
        if (err.class == SV_SYSTEM)
                return NO_MEMORY;
        fprintf(stderr, "allocation %ld: class %d [%s] %s\n", n, (int)err.class, err.check,
                err.msg);
        return WRONG;
}

static long run_counted(const struct input *what, struct sv_buf *whole)
{
        struct sv_err err = SV_ERR_NULL;
        long n;

        appraise_input(what, whole, &err); /* what libraries allocate once and keep */
        sv_buf_clear(whole);
        count = 0;
        fail_at = -1;
        if (appraise_input(what, whole, &err) < 0) {
                fail_at = 0;
                fprintf(stderr, "undisturbed: %s [%s]\n", err.msg, err.check);
                exit(2);
        }
        n = count;
        return n;
}

static bool try_all(const struct input *what, long points)
{
        long verdicts[VERDICTS] = {0}, tried = 0;
        SV_BUF whole = SV_BUF_NULL;
        long n = run_counted(what, &whole), step = points && n > points ? n / points : 1;

        for (long at = 1; at <= n; at += step, tried++) {
                int status;
                pid_t pid = fork();

                if (pid == 0) {
                        count = 0;
                        _exit(try_point(what, at, sv_buf_bytes(&whole)));
                }
                if (pid < 0 || waitpid(pid, &status, 0) != pid)
                        exit(2);
                verdicts[WIFEXITED(status) && WEXITSTATUS(status) < VERDICTS ? WEXITSTATUS(status)
                                                                             : CRASHED]++;
        }
        printf("%ld tried: %ld without memory, %ld with the whole answer, %ld of the wrong class, "
               "%ld crashed in a foreign library, %ld in ours\n",
               tried, verdicts[NO_MEMORY], verdicts[WHOLE], verdicts[WRONG],
               verdicts[CRASHED_ABROAD], verdicts[CRASHED]);
        return !verdicts[WRONG] && !verdicts[CRASHED] && verdicts[NO_MEMORY];
}

int main(int argc, char **argv)
{
        struct input what = {.tee = argc > 4 ? sv_tee_find_verify(argv[1]) : NULL};
        struct sv_buf files[16] = {SV_BUF_NULL};
        struct sv_err err = SV_ERR_NULL;
        SV_BLOBS blobs = {0};
        SV_BUF raw = SV_BUF_NULL;

        if (!what.tee || argc - 5 > 16 || sv_parse_time(argv[2], &what.in.time, "oom", &err) < 0 ||
            sv_file_read(argv[3], 1u << 20, &raw, "oom", &err) < 0)
                return 2;
        what.raw = sv_buf_bytes(&raw);
        for (int i = 5; i < argc; i++) {
                char *file = strchr(argv[i], '=');

                if (!file || sv_file_read(file + 1, 1u << 20, &files[i - 5], "oom", &err) < 0)
                        return 2;
                *file = 0;
                sv_blobs_add(&blobs, argv[i], sv_buf_bytes(&files[i - 5]));
        }
        what.in.collateral = (struct sv_collateral){blobs.list, blobs.n, NULL};
        return try_all(&what, strtol(argv[4], NULL, 10)) ? 0 : 1;
}
