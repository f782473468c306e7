/* SPDX-License-Identifier: Apache-2.0 */
/* What hostile code in the place of ours tries on others. Each counts what works. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define HOSTILE_PROCESS_TRIES 5
#define HOSTILE_PROGRAM_TRIES 2

/* Another process: to trace it, to read it, to send it a signal, to have it. */
static inline int reach_process(pid_t pid)
{
        char path[64], byte;
        struct iovec here = {&byte, 1}, there = {&errno, 1};
        int works = 0;

        snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
        works += ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0;
        works += process_vm_readv(pid, &here, 1, &there, 1, 0) >= 0;
        works += open(path, O_RDONLY) >= 0;
        works += kill(pid, 0) == 0;
        works += syscall(SYS_pidfd_open, pid, 0) >= 0;
        return works;
}

/* Another program in this process; a further process. */
static inline int start_program(void)
{
        char *const argv[] = {(char *)(uintptr_t) "/bin/true", NULL};
        int works = 0;
        pid_t pid;

        execv(argv[0], argv);
        works += errno != EPERM;
        pid = fork();
        if (pid == 0)
                _exit(0);
        return works + (pid > 0);
}
