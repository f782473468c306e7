/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into tests and the programs that they start: each call that another process can notice
 * waits now and then before it is made, so that what is right by luck of the scheduler alone goes
 * wrong (tools/test jitter).
 *   SV_JITTER=N  the seed; with the process's number it makes the waits
 * It waits without a system call, which a sandbox might forbid. */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define ONE_IN    5  /* calls wait at all */
#define LONG_IN   64 /* of those wait LONG_MS, the others less than SHORT_MS */
#define LONG_MS   60
#define SHORT_MS  6
#define CLOCKS_MS 2000000ul /* about a millisecond on processors of today */

static uint64_t state;
static bool is_off;

static void mix_process(void)
{
        const char *seed = getenv("SV_JITTER");

        is_off = !strncmp(program_invocation_short_name, "qemu-", 5); /* a guest is slow enough */

        state = (seed ? strtoull(seed, NULL, 10) : 0) + ((uint64_t)getpid() << 32) +
                0x9e3779b97f4a7c15ul;
}

/* splitmix64; two threads that draw the same number do no harm */
static uint64_t draw_number(void)
{
        uint64_t z = state += 0x9e3779b97f4a7c15ul;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ul;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebul;
        return z ^ (z >> 31);
}

static void wait_a_little(void)
{
        uint64_t drawn, clocks, begin;

        if (!state)
                mix_process();
        if (is_off)
                return;
        drawn = draw_number();
        if (drawn % ONE_IN)
                return;
        drawn >>= 16;
        clocks = CLOCKS_MS * (drawn % LONG_IN ? drawn / LONG_IN % SHORT_MS : LONG_MS);
        begin = __rdtsc();
        while (__rdtsc() - begin < clocks)
                _mm_pause();
}

#define WAIT_BEFORE(type, name, parameters, arguments)                      \
        type name parameters                                                \
        {                                                                   \
                static type(*real) parameters;                              \
                                                                            \
                if (!real)                                                  \
                        real = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
                wait_a_little();                                            \
                return real arguments;                                      \
        }

WAIT_BEFORE(ssize_t, read, (int fd, void *out, size_t n), (fd, out, n))
WAIT_BEFORE(ssize_t, write, (int fd, const void *in, size_t n), (fd, in, n))
WAIT_BEFORE(ssize_t, send, (int fd, const void *in, size_t n, int flags), (fd, in, n, flags))
WAIT_BEFORE(ssize_t, recv, (int fd, void *out, size_t n, int flags), (fd, out, n, flags))
WAIT_BEFORE(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WAIT_BEFORE(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
WAIT_BEFORE(int, accept, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
WAIT_BEFORE(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags))
WAIT_BEFORE(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WAIT_BEFORE(int, listen, (int fd, int n), (fd, n))
WAIT_BEFORE(int, shutdown, (int fd, int how), (fd, how))
WAIT_BEFORE(int, close, (int fd), (fd))
WAIT_BEFORE(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
WAIT_BEFORE(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
WAIT_BEFORE(int, kill, (pid_t pid, int signal), (pid, signal))
WAIT_BEFORE(int, rename, (const char *from, const char *to), (from, to))
WAIT_BEFORE(int, unlink, (const char *path), (path))

/* Parent and child both, each with numbers of its own: either may be the first to go on. */
pid_t fork(void)
{
        static pid_t (*real)(void);
        pid_t pid;

        if (!real)
                real = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
        pid = real();
        if (pid == 0)
                mix_process();
        wait_a_little();
        return pid;
}
