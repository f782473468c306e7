/* SPDX-License-Identifier: Apache-2.0 */
/* What asks a TPM or a token is a process by itself: it has no descriptor of the keeper's, it can
 * be ended when it does not answer, and its memory goes with it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/seccomp.h"
#include "broker/kek/kek.h"

struct outcome {
        bool failed;
        struct sv_err err;
};

static _Noreturn void run_apart(int (*work)(void *, struct sv_buf *, struct sv_err *), void *arg,
                                int fd)
{
        const int keep[] = {fd, -1};
        SV_BUF out = {.locked = true};
        struct outcome o = {false, SV_ERR_NULL};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "sv-kek");
        signal(SIGPIPE, SIG_IGN);
        setenv("TSS2_LOG", "all+none", 1); /* what it would write is in the error */
        o.failed = sv_close_other_fds(keep, "broker.kek.slow", &o.err) < 0 ||
                   work(arg, &out, &o.err) < 0 || sv_buf_ok(&out, "the answer", &o.err) < 0;
        if (sv_fd_write(fd, "the keeper", sv_bytes(&o, sizeof(o)), NULL) == 0 && !o.failed)
                sv_fd_write(fd, "the keeper", sv_buf_bytes(&out), NULL);
        sv_buf_free(&out);
        _exit(0);
}

/* To its end; false when the time is over. */
static bool read_outcome(int fd, struct sv_buf *in)
{
        int64_t end = sv_clock_ms() + SV_KEK_WAIT_MS;
        uint8_t piece[512];
        ssize_t n = 1;

        while (n > 0) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                int64_t left = end - sv_clock_ms();

                if (left <= 0)
                        return false;
                if (poll(&p, 1, (int)left) <= 0)
                        continue;
                n = read(fd, piece, sizeof(piece));
                if (n > 0)
                        sv_buf_put(in, sv_bytes(piece, (size_t)n));
        }
        sv_wipe(piece, sizeof(piece));
        return n == 0;
}

static int take_outcome(const struct sv_buf *in, struct sv_buf *out, struct sv_err *err)
{
        struct outcome o;

        if (sv_buf_ok(in, "the answer", err) < 0)
                return -1;
        if (in->n < sizeof(o))
                return sv_fail(err, SV_SYSTEM, "broker.kek.slow",
                               "the process that asks for the kek has died: its TPM's or token's "
                               "library may be broken");
        memcpy(&o, in->p, sizeof(o));
        if (o.failed) {
                if (err)
                        *err = o.err;
                return -1;
        }
        sv_buf_put(out, sv_bytes(in->p + sizeof(o), in->n - sizeof(o)));
        return sv_buf_ok(out, "the answer", err);
}

int sv_kek_work_apart(int (*work)(void *arg, struct sv_buf *out, struct sv_err *err), void *arg,
                      struct sv_buf *out, struct sv_err *err)
{
        SV_BUF in = {.locked = true, .max = sizeof(struct outcome) + SV_KEK_FILE_MAX};
        int ends[2];
        bool whole;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return sv_fail_errno(err, "broker.kek.slow", "no pipe");
        pid = fork();
        if (pid == 0)
                run_apart(work, arg, ends[1]);
        close(ends[1]);
        if (pid < 0) {
                close(ends[0]);
                return sv_fail_errno(err, "broker.kek.slow", "no process could be made");
        }
        whole = read_outcome(ends[0], &in);
        close(ends[0]);
        if (!whole)
                kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        if (!whole)
                return sv_fail(err, SV_SYSTEM, "broker.kek.slow",
                               "what keeps the kek has not answered in %d seconds",
                               SV_KEK_WAIT_MS / 1000);
        return take_outcome(&in, out, err);
}
