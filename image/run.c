/* SPDX-License-Identifier: Apache-2.0 */
#include "image/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/visible.h"

#define LOOK_MS    200
#define OUTPUT_MAX (64u << 10) /* kept of what a program prints; the rest is read and dropped */

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
        interrupted = sig;
}

void sv_run_catch_signals(void)
{
        /* No SA_RESTART: a read that waits for the program must see it. */
        struct sigaction sa = {.sa_handler = on_signal};

        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGTERM, &sa, NULL);
        sigaction(SIGHUP, &sa, NULL);
}

int sv_run_interrupted(void)
{
        return interrupted != 0;
}

static void take_rights(const struct sv_run_rights *rights)
{
        struct sv_err err = SV_ERR_NULL;

        if (!rights || rights->enter(rights->arg, &err) == 0)
                return;
        dprintf(2, "%s\n", err.msg);
        _exit(1);
}

static _Noreturn void run_child(const char *const *argv, int out, int file,
                                const struct sv_run_rights *rights)
{
        const char *path = getenv("PATH");
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        /* mke2fs lives where an ordinary user's PATH does not look. */
        SV_STR full = sv_asprintf("%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");

        setenv("PATH", full, 1);
        setenv("LC_ALL", "C", 1);
        if (null >= 0)
                dup2(null, 0);
        dup2(out, 1);
        dup2(out, 2);
        /* Last: it may be one of those. */
        if (file == SV_RUN_FD)
                fcntl(file, F_SETFD, 0);
        else if (file >= 0)
                dup2(file, SV_RUN_FD);
        take_rights(rights);
        execvp(argv[0], (char *const *)argv);
        _exit(errno == ENOENT ? 127 : 126);
}

/* Reads until the end; keeps the beginning of the last line that is not blank, made visible. */
static void read_output(int fd, pid_t pid, char *last, size_t size)
{
        char piece[4096];
        size_t n = 0, total = 0;
        bool fresh = true;

        for (;;) {
                ssize_t got = read(fd, piece, sizeof(piece));

                if (got < 0 && errno == EINTR) {
                        kill(pid, SIGTERM);
                        continue;
                }
                if (got <= 0) {
                        sv_make_visible(last, n, false);
                        break;
                }
                for (ssize_t i = 0; i < got && total < OUTPUT_MAX; i++, total++) {
                        if (piece[i] == '\n' || piece[i] == '\r') {
                                fresh = true;
                                continue;
                        }
                        if (fresh)
                                n = 0;
                        fresh = false;
                        if (n + 1 < size)
                                last[n++] = piece[i];
                        last[n] = 0;
                }
        }
}

static int wait_for_child(pid_t pid)
{
        int status = 0;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return status;
}

int sv_run(const char *const *argv, const char *check, struct sv_err *err)
{
        return sv_run_on(argv, -1, check, err);
}

int sv_run_on(const char *const *argv, int file, const char *check, struct sv_err *err)
{
        return sv_run_with(argv, file, NULL, check, err);
}

int sv_run_with(const char *const *argv, int file, const struct sv_run_rights *rights,
                const char *check, struct sv_err *err)
{
        char last[256] = "";
        int p[2], status;
        pid_t pid;

        if (interrupted)
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        if (pipe2(p, O_CLOEXEC) < 0)
                return sv_fail_errno(err, "image.run", "cannot make a pipe");
        pid = fork();
        if (pid == 0)
                run_child(argv, p[1], file, rights);
        close(p[1]);
        if (pid > 0)
                read_output(p[0], pid, last, sizeof(last));
        close(p[0]);
        if (pid < 0)
                return sv_fail_errno(err, "image.run", "cannot start %s", argv[0]);
        status = wait_for_child(pid);
        if (interrupted)
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) >= 126 && !*last)
                return sv_fail(err, SV_SYSTEM, "image.run",
                               "%s is not installed, or may not be run", argv[0]);
        return sv_fail(err, SV_SYSTEM, check, "%s failed: %s", argv[0],
                       *last ? last : "no message");
}

static _Noreturn void call_apart(const struct sv_run_call *c, int out)
{
        struct sv_err err = SV_ERR_NULL;
        int r = c->call(c->arg, &err);

        _exit(write(out, &err, sizeof(err)) == sizeof(err) &&
                              write(out, c->arg, c->size) == (ssize_t)c->size && r == 0
                      ? 0
                      : 1);
}

/* Until it has said something, or ended. */
static void wait_for_call(const struct sv_run_call *c, pid_t pid, int out)
{
        struct pollfd p = {.fd = out, .events = POLLIN};

        while (poll(&p, 1, LOOK_MS) <= 0) {
                if (interrupted)
                        kill(pid, SIGKILL);
                if (c->look)
                        c->look(c->look_arg);
        }
}

int sv_run_call(const struct sv_run_call *c, struct sv_err *err)
{
        struct sv_err told = SV_ERR_NULL;
        bool whole;
        int p[2], status;
        pid_t pid;

        if (pipe2(p, O_CLOEXEC) < 0)
                return sv_fail_errno(err, "image.run", "cannot make a pipe");
        pid = fork();
        if (pid == 0)
                call_apart(c, p[1]);
        close(p[1]);
        if (pid > 0)
                wait_for_call(c, pid, p[0]);
        whole = pid > 0 && read(p[0], &told, sizeof(told)) == sizeof(told) &&
                read(p[0], c->arg, c->size) == (ssize_t)c->size;
        close(p[0]);
        if (pid < 0)
                return sv_fail_errno(err, "image.run", "cannot start a process");
        status = wait_for_child(pid);
        if (interrupted)
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        if (!whole)
                return sv_fail(err, SV_SYSTEM, "image.run", "a process of ours ended early");
        if (status == 0)
                return 0;
        if (err)
                *err = told;
        return -1;
}
