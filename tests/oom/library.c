/* SPDX-License-Identifier: Apache-2.0 */
/* libsecurevm may not end its caller. One allocation at a time fails inside evidence -> appraisal
 * -> texts, each time in a process of its own, and what comes back must be the same verdict as
 * undisturbed, or SECUREVM_SYSTEM.
 *
 *     oom-library TEE TIME EVIDENCE POINTS KIND=FILE...
 *     oom-library TEE predict GUEST POINTS NAME=FILE...    the same of a prediction
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

#include <secure-vm/securevm.h>

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
        const char *tee;
        struct sv_bytes raw;
        securevm_collateral *collateral;
        securevm_files *files; /* of a prediction; else NULL */
        int64_t time;
};

enum { WHOLE, NO_MEMORY, WRONG, CRASHED_ABROAD, CRASHED, VERDICTS };

/* A failed call has written nothing. */
static void check_output(int r, const void *out, const char *call)
{
        if (!r || !out)
                return;
        fail_at = 0;
        fprintf(stderr, "%s failed, and has written its output\n", call);
        _exit(WRONG);
}

static int predict_input(const struct input *what, struct sv_buf *out, securevm_error *err)
{
        char *text = NULL;
        int r = securevm_predict(what->raw.p, what->raw.n, what->files, what->tee, &text, err);

        fail_at = 0;
        check_output(r, text, "predict");
        if (!r)
                sv_buf_puts(out, text);
        securevm_free(text);
        return r;
}

static int make_policies(const char *tee, securevm_error *err)
{
        static const char text[] =
                "{\"version\":1,\"guest\":\"demo\",\"tee\":\"sev-snp\",\"resource\":\"a/b/c\","
                "\"trust\":{},\"rules\":[{\"check\":\"policy.vmpl\",\"claim\":\"/"
                "vmpl\",\"equals\":1,"
                "\"covers\":\"executables\",\"reason\":\"level\"}]}";
        securevm_policy *strict = NULL, *parsed = NULL;
        int r = securevm_policy_strict(tee, "debug", NULL, &strict, err);

        check_output(r, strict, "policy_strict");
        if (!r)
                r = securevm_policy_parse(text, sizeof(text) - 1, &parsed, err);
        check_output(r, parsed, "policy_parse");
        securevm_policy_free(strict);
        securevm_policy_free(parsed);
        return r;
}

/* The library's texts, in whole; "" with the status. */
static int appraise_input(const struct input *what, struct sv_buf *out, securevm_error *err)
{
        securevm_evidence *evidence = NULL;
        char *claims = NULL, *verdict = NULL;
        securevm_result *result = NULL;
        int r;

        if (what->files)
                return predict_input(what, out, err);
        r = securevm_evidence_open(what->raw.p, what->raw.n, what->tee, &evidence, err);
        check_output(r, evidence, "evidence_open");
        if (!r)
                r = make_policies(what->tee, err);
        if (!r)
                r = securevm_verify(evidence, what->collateral, what->time, NULL, 0, &result, err);
        check_output(r, result, "verify");
        if (!r)
                r = securevm_result_claims(result, &claims, err);
        check_output(r, claims, "result_claims");
        if (!r)
                r = securevm_result_verdict(result, &verdict, err);
        check_output(r, verdict, "result_verdict");
        fail_at = 0;
        if (!r) {
                sv_buf_puts(out, claims);
                sv_buf_puts(out, verdict);
        }
        securevm_free(claims);
        securevm_free(verdict);
        securevm_result_free(result);
        securevm_evidence_free(evidence);
        return r;
}

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
                _exit(strstr(at.dli_fname, ".so") && !strstr(at.dli_fname, "/libsecurevm.")
                              ? CRASHED_ABROAD
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
        securevm_error *err = securevm_error_new();
        SV_BUF out = SV_BUF_NULL;
        int r;

        trap_crashes();
        fail_at = n;
        r = appraise_input(what, &out, err);
        fail_at = 0;
        if (r == 0)
                return sv_bytes_eq(sv_buf_bytes(&out), whole) ? WHOLE : WRONG;
        if (r == SECUREVM_SYSTEM && securevm_error_status(err) == r)
                return NO_MEMORY;
        fprintf(stderr, "allocation %ld: class %d [%s] %s\n", n, r, securevm_error_check(err),
                securevm_error_message(err));
        return WRONG;
}

static long run_counted(const struct input *what, struct sv_buf *whole)
{
        securevm_error *err = securevm_error_new();
        long n;

        appraise_input(what, whole, err); /* what libraries allocate once and keep */
        sv_buf_clear(whole);
        count = 0;
        fail_at = -1;
        if (appraise_input(what, whole, err)) {
                fail_at = 0;
                fprintf(stderr, "undisturbed: %s [%s]\n", securevm_error_message(err),
                        securevm_error_check(err));
                exit(2);
        }
        n = count;
        securevm_error_free(err);
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
        struct input what = {.tee = argc > 4 ? argv[1] : NULL};
        struct sv_err err = SV_ERR_NULL;
        SV_BUF raw = SV_BUF_NULL;

        if (!what.tee || securevm_collateral_new(&what.collateral, NULL) ||
            (!strcmp(argv[2], "predict") ? securevm_files_new(&what.files, NULL)
                                         : sv_parse_moment(argv[2], &what.time, "oom", &err)) ||
            sv_file_read(argv[3], 1u << 24, &raw, "oom", &err) < 0)
                return 2;
        what.raw = sv_buf_bytes(&raw);
        for (int i = 5; i < argc; i++) {
                char *file = strchr(argv[i], '=');
                struct sv_buf data = SV_BUF_NULL; /* of a prediction: no copy is made */

                if (!file || sv_file_read(file + 1, 1u << 24, &data, "oom", &err) < 0)
                        return 2;
                *file = 0;
                if (what.files ? securevm_files_add(what.files, argv[i], data.p, data.n, NULL)
                               : securevm_collateral_add(what.collateral, argv[i], data.p, data.n,
                                                         NULL))
                        return 2;
                if (!what.files)
                        sv_buf_free(&data);
        }
        return try_all(&what, strtol(argv[4], NULL, 10)) ? 0 : 1;
}
