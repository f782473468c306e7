/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS_MAX 96

const int sv_filter_basic[] = {SYS_read,         SYS_write,           SYS_readv,
                               SYS_writev,       SYS_close,           SYS_fstat,
                               SYS_lseek,        SYS_munmap,          SYS_mremap,
                               SYS_brk,          SYS_madvise,         SYS_mlock,
                               SYS_munlock,      SYS_futex,           SYS_exit,
                               SYS_exit_group,   SYS_getrandom,       SYS_getpid,
                               SYS_gettid,       SYS_clock_gettime,   SYS_gettimeofday,
                               SYS_poll,         SYS_ppoll,           SYS_sendto,
                               SYS_recvfrom,     SYS_rt_sigaction,    SYS_rt_sigprocmask,
                               SYS_rt_sigreturn, SYS_sigaltstack,     SYS_restart_syscall,
                               SYS_nanosleep,    SYS_clock_nanosleep, SYS_sched_yield,
                               SYS_newfstatat,   SYS_getrusage,       -1};
struct program {
        struct sock_filter code[2 * CALLS_MAX + 32];
        unsigned short n;
};

static void add(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
        p->code[p->n++] = (struct sock_filter){code, yes, no, k};
}

static void add_load(struct program *p, size_t at)
{
        add(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)at);
}

static void add_return(struct program *p, uint32_t what)
{
        add(p, BPF_RET | BPF_K, 0, 0, what);
}

/* No memory becomes code: mmap and mprotect may not ask for PROT_EXEC. */
static void add_memory(struct program *p, uint32_t yes, uint32_t no)
{
        static const int calls[] = {SYS_mmap, SYS_mprotect};

        for (size_t i = 0; i < 2; i++) {
                add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)calls[i]);
                add_load(p, offsetof(struct seccomp_data, args[2]));
                add(p, BPF_JMP | BPF_JSET | BPF_K, 0, 1, PROT_EXEC);
                add_return(p, no);
                add_return(p, yes);
        }
}

static void add_choice(struct program *p, const struct sv_filter_choice *c, uint32_t denied)
{
        size_t n = 0;

        while (c->values[n] >= 0)
                n++;
        add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * n + 2), (uint32_t)c->call);
        add_load(p, offsetof(struct seccomp_data, args[0]) + c->arg * sizeof(uint64_t));
        for (size_t i = 0; i < n; i++) {
                add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)c->values[i]);
                add_return(p, c->allow ? SECCOMP_RET_ALLOW : denied);
        }
        add_return(p, c->allow ? denied : SECCOMP_RET_ALLOW);
}

static void build_program(const struct sv_filter *f, struct program *p)
{
        const uint32_t denied = SECCOMP_RET_ERRNO | EPERM;
        const uint32_t named = f->allow ? SECCOMP_RET_ALLOW : denied;

        add_load(p, offsetof(struct seccomp_data, arch));
        add(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
        add_return(p, SECCOMP_RET_KILL_PROCESS);
        add_load(p, offsetof(struct seccomp_data, nr));
        /* numbers of the x32 ABI are the same calls under other names */
        add(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000);
        add_return(p, denied);
        for (const struct sv_filter_choice *c = f->choices; c->values; c++)
                add_choice(p, c, denied);
        for (const int *const *list = f->calls; *list; list++)
                for (const int *call = *list; *call >= 0; call++) {
                        add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)*call);
                        add_return(p, named);
                }
        if (f->allow)
                add_memory(p, SECCOMP_RET_ALLOW, denied);
        add_return(p, f->allow ? denied : SECCOMP_RET_ALLOW);
}

int sv_filter_enter(const struct sv_filter *filter, const char *check, struct sv_err *err)
{
        struct program p = {.n = 0};
        struct sock_fprog prog = {.filter = p.code};

        build_program(filter, &p);
        prog.len = p.n;
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
                return sv_fail_errno(err, check, "the kernel takes no filter of system calls");
        return 0;
}

int sv_drop_privileges(const char *check, struct sv_err *err)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {{0}};
        struct rlimit zero = {0};

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &zero) < 0 ||
            prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || syscall(SYS_capset, &head, none) < 0)
                return sv_fail_errno(err, check, "cannot give up privileges");
        return 0;
}

int sv_close_other_fds(const int *keep, const char *check, struct sv_err *err)
{
        unsigned from = STDERR_FILENO + 1;

        for (;;) {
                unsigned next = ~0u;

                for (const int *k = keep; *k >= 0; k++)
                        if ((unsigned)*k >= from && (unsigned)*k < next)
                                next = (unsigned)*k;
                if (next > from && syscall(SYS_close_range, from, next - 1, 0) < 0)
                        return sv_fail_errno(err, check, "cannot close what is open");
                if (next == ~0u)
                        return 0;
                from = next + 1;
        }
}
