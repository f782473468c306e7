/* SPDX-License-Identifier: Apache-2.0 */
/* Filters are tables of system calls. The wide ones of the processes that fork say what is allowed;
 * the child adds a second one that takes from it. What is not allowed fails with EPERM, as a file
 * that may not be read does, and no library takes that for a reason to do harm. */
#include "broker/process/sandbox.h"

#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/process/landlock.h"

#define CHECK     "broker.sandbox"
#define CALLS_MAX 96

#define CALL_FCHMODAT2 452 /* Linux 6.6; older headers do not name it */

/* Memory, time, and what is open already. */
static const int common[] = {SYS_read,         SYS_write,           SYS_readv,
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
/* Of a process that forks: the child's set-up, and its end. */
static const int forks[] = {SYS_clone,   SYS_clone3,      SYS_wait4,   SYS_set_robust_list,
                            SYS_rseq,    SYS_prctl,       SYS_seccomp, SYS_recvmsg,
                            SYS_getppid, SYS_close_range, SYS_capset,  SYS_kill,
                            -1};
static const int shares[] = {SYS_ftruncate, SYS_pread64, SYS_pwrite64, -1};
static const int serves[] = {SYS_accept4,    SYS_socketpair,  SYS_sendmsg,     SYS_getpeername,
                             SYS_getsockopt, SYS_setsockopt,  SYS_getsockname, SYS_shutdown,
                             SYS_alarm,      SYS_setpriority, SYS_getpriority, -1};

/* What a child gives up. */
static const int no_children[] = {
        SYS_clone,   SYS_clone3,    SYS_wait4,      SYS_prctl, SYS_seccomp,
        SYS_recvmsg, SYS_sendmsg,   SYS_accept4,    SYS_kill,  SYS_close_range,
        SYS_capset,  SYS_prlimit64, SYS_socketpair, -1};

/* The fetcher ends a fetch that does not come to an end; a fetch ends nobody. */
static const int ends_nobody[] = {SYS_kill, -1};

/* What the fetcher, whose libraries do much, may not. */
static const int harmful[] = {SYS_execve,
                              SYS_execveat,
                              SYS_ptrace,
                              SYS_process_vm_readv,
                              SYS_process_vm_writev,
                              SYS_tkill,
                              SYS_tgkill,
                              SYS_truncate,
                              SYS_chmod,
                              SYS_fchmodat,
                              CALL_FCHMODAT2,
                              SYS_chown,
                              SYS_lchown,
                              SYS_fchownat,
                              SYS_setxattr,
                              SYS_lsetxattr,
                              SYS_removexattr,
                              SYS_lremovexattr,
                              SYS_rt_sigqueueinfo,
                              SYS_rt_tgsigqueueinfo,
                              SYS_pidfd_open,
                              SYS_pidfd_getfd,
                              SYS_pidfd_send_signal,
                              SYS_mount,
                              SYS_umount2,
                              SYS_pivot_root,
                              SYS_chroot,
                              SYS_unshare,
                              SYS_setns,
                              SYS_bpf,
                              SYS_perf_event_open,
                              SYS_userfaultfd,
                              SYS_io_uring_setup,
                              SYS_keyctl,
                              SYS_add_key,
                              SYS_request_key,
                              SYS_init_module,
                              SYS_finit_module,
                              SYS_delete_module,
                              SYS_kexec_load,
                              SYS_kexec_file_load,
                              SYS_open_by_handle_at,
                              SYS_name_to_handle_at,
                              SYS_fsopen,
                              SYS_open_tree,
                              SYS_move_mount,
                              SYS_mount_setattr,
                              SYS_acct,
                              SYS_swapon,
                              SYS_reboot,
                              SYS_personality,
                              SYS_kcmp,
                              SYS_process_madvise,
                              SYS_listen,
                              SYS_accept4,
                              -1};

/* Commands of fcntl that name no other process. */
static const int own_fcntl[] = {F_GETFD, F_SETFD, F_GETFL,  F_SETFL, F_DUPFD_CLOEXEC,
                                F_GETLK, F_SETLK, F_SETLKW, -1};
/* Those that make the kernel send signals to others. */
static const int signal_fcntl[] = {F_SETOWN, F_SETOWN_EX, F_SETSIG, -1};
static const int signal_ioctl[] = {FIOSETOWN, SIOCSPGRP, -1};
static const int self[] = {0, -1};

static const int *const net_calls[] = {common, forks, serves, NULL};
static const int *const verifier_calls[] = {common, forks, shares, NULL};
static const int *const child_calls[] = {no_children, NULL};
static const int *const fetcher_calls[] = {harmful, NULL};
static const int *const fetch_calls[] = {ends_nobody, NULL};

/* Calls of which one argument decides; an array ends with values NULL. */
struct choice {
        int call;
        unsigned arg;
        const int *values;
        bool allow; /* with these values and no other; else: with all others */
};
static const struct choice narrow_choices[] = {
        {SYS_prlimit64, 0, self, true}, {SYS_fcntl, 1, own_fcntl, true}, {0}};
static const struct choice fetcher_choices[] = {{SYS_prlimit64, 0, self, true},
                                                {SYS_fcntl, 1, signal_fcntl, false},
                                                {SYS_ioctl, 1, signal_ioctl, false},
                                                {0}};
/* A child's filter comes on top of its parent's. */
static const struct choice no_choices[] = {{0}};

static const struct filter {
        const int *const *calls;
        bool allow; /* these and no other; else: all others */
        const struct choice *choices;
} filters[] = {
        [SV_SANDBOX_NET] = {net_calls, true, narrow_choices},
        [SV_SANDBOX_CONNECTION] = {child_calls, false, no_choices},
        [SV_SANDBOX_VERIFIER] = {verifier_calls, true, narrow_choices},
        [SV_SANDBOX_VERIFICATION] = {child_calls, false, no_choices},
        [SV_SANDBOX_FETCHER] = {fetcher_calls, false, fetcher_choices},
        [SV_SANDBOX_FETCH] = {fetch_calls, false, no_choices},
};

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

static void add_choice(struct program *p, const struct choice *c, uint32_t denied)
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

static void build_program(const struct filter *f, struct program *p)
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
        for (const struct choice *c = f->choices; c->values; c++)
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

static int drop_privileges(struct sv_err *err)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {{0}};
        struct rlimit zero = {0};

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &zero) < 0 ||
            prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || syscall(SYS_capset, &head, none) < 0)
                return sv_fail_errno(err, CHECK, "cannot give up privileges");
        return 0;
}

static bool is_child(enum sv_sandbox kind)
{
        return kind == SV_SANDBOX_CONNECTION || kind == SV_SANDBOX_VERIFICATION ||
               kind == SV_SANDBOX_FETCH;
}

int sv_sandbox_enter(enum sv_sandbox kind, const struct sv_sandbox_files *files, bool *partly,
                     struct sv_err *err)
{
        struct program p = {.n = 0};
        struct sock_fprog prog = {.filter = p.code};

        if (!is_child(kind) && drop_privileges(err) < 0)
                return -1;
        if (files && sv_landlock_enter(files, partly, err) < 0)
                return -1;
        build_program(&filters[kind], &p);
        prog.len = p.n;
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
                return sv_fail_errno(err, CHECK, "the kernel takes no filter of system calls");
        return 0;
}

int sv_sandbox_close_others(const int *keep, struct sv_err *err)
{
        unsigned from = STDERR_FILENO + 1;

        for (;;) {
                unsigned next = ~0u;

                for (const int *k = keep; *k >= 0; k++)
                        if ((unsigned)*k >= from && (unsigned)*k < next)
                                next = (unsigned)*k;
                if (next > from && syscall(SYS_close_range, from, next - 1, 0) < 0)
                        return sv_fail_errno(err, CHECK, "cannot close what is open");
                if (next == ~0u)
                        return 0;
                from = next + 1;
        }
}
