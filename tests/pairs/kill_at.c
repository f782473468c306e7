/* SPDX-License-Identifier: Apache-2.0 */
/* kill-at N COMMAND...: runs the command and kills it at the entry of its N-th system call, which
 * is not carried out any more. When it ended before that, prints the number of calls, and which of
 * them was the second connect to the network: the first asks the broker, from the second on disk
 * and key change. What the command itself starts runs on, as it would. Exit status 0 when the
 * command was killed, otherwise 1 + that of the command. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void start(char **argv)
{
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                _exit(120);
        raise(SIGSTOP);
        execv(argv[0], argv);
        _exit(121);
}

/* To the next stop at a system call; false when the command has ended. */
static int next_stop(pid_t pid, int *status, int signal)
{
        for (;;) {
                if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal) < 0)
                        return 0;
                if (waitpid(pid, status, 0) < 0 || !WIFSTOPPED(*status))
                        return 0;
                if (WSTOPSIG(*status) == (SIGTRAP | 0x80))
                        return 1;
                /* a signal of its own, or the stop behind execve */
                signal = WSTOPSIG(*status) == SIGTRAP ? 0 : WSTOPSIG(*status);
        }
}

/* The C library connects, too: to nscd, at a socket of the file system. */
static int is_network_connect(pid_t pid)
{
        struct user_regs_struct regs;

        return ptrace(PTRACE_GETREGS, pid, NULL, &regs) == 0 && regs.orig_rax == SYS_connect &&
               (ptrace(PTRACE_PEEKDATA, pid, (void *)regs.rsi, NULL) & 0xffff) == AF_INET;
}

int main(int argc, char **argv)
{
        long at = argc > 2 ? strtol(argv[1], NULL, 10) : -1, calls = 0, change_at = 0;
        int connects = 0;
        int status = 0, entry = 1;
        pid_t pid;

        if (at < 0)
                return 122;
        pid = fork();
        if (pid == 0)
                start(argv + 2);
        waitpid(pid, &status, 0);
        if (ptrace(PTRACE_SETOPTIONS, pid, NULL,
                   (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) < 0)
                return 123;
        for (; next_stop(pid, &status, 0); entry = !entry) {
                if (!entry)
                        continue;
                calls++;
                if (is_network_connect(pid) && ++connects == 2)
                        change_at = calls;
                if (calls != at)
                        continue;
                kill(pid, SIGKILL);
                waitpid(pid, &status, 0);
                return 0;
        }
        printf("%ld %ld\n", change_at, calls);
        return WIFEXITED(status) ? 1 + WEXITSTATUS(status) : 119;
}
