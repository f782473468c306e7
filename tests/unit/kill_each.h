/* SPDX-License-Identifier: Apache-2.0 */
/* A function in a child that is killed at the entry of one of its system calls. */
#pragma once

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static inline bool stop_at_call(pid_t pid, long n)
{
        int status;

        /* entries and exits */
        for (long stops = 0; stops < 2 * n - 1;) {
                if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
                        return false;
                if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
                        return false;
                stops += WSTOPSIG(status) == (SIGTRAP | 0x80);
        }
        return true;
}

/* True: it was killed at its n-th call; false: it had ended before. Its status must be 0 then. */
static inline bool kill_at_call(int (*run)(void), long n)
{
        pid_t pid = fork();
        int status;
        bool stopped;

        if (pid == 0) {
                ptrace(PTRACE_TRACEME, 0, NULL, NULL);
                raise(SIGSTOP);
                _exit(run() < 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL,
                                (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
                         0);
        stopped = stop_at_call(pid, n);
        if (stopped) {
                kill(pid, SIGKILL);
                assert_int_equal(waitpid(pid, &status, 0), pid);
        }
        return stopped;
}
