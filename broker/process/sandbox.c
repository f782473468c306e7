/* SPDX-License-Identifier: Apache-2.0 */
/* Filters are tables of system calls. The wide ones of the processes that fork say what is allowed;
 * the child adds a second one that takes from it. What is not allowed fails with EPERM, as a file
 * that may not be read does, and no library takes that for a reason to do harm. */
#include "broker/process/sandbox.h"

#include <asm/sockios.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/program/landlock.h"
#include "base/program/seccomp.h"

#define CHECK "broker.sandbox"

#define CALL_FCHMODAT2 452 /* Linux 6.6; older headers do not name it */

/* Of a process that forks: the child's set-up, and its end. */
static const int forks[] = {SYS_clone,   SYS_clone3,      SYS_wait4,   SYS_set_robust_list,
                            SYS_rseq,    SYS_prctl,       SYS_seccomp, SYS_recvmsg,
                            SYS_getppid, SYS_close_range, SYS_capset,  SYS_kill,
                            -1};
static const int shares[] = {SYS_ftruncate, SYS_pread64, SYS_pwrite64, -1};
static const int serves[] = {SYS_accept4,
                             SYS_socketpair,
                             SYS_sendmsg,
                             SYS_recvmsg,
                             SYS_getpeername,
                             SYS_getsockopt,
                             SYS_setsockopt,
                             SYS_getsockname,
                             SYS_shutdown,
                             SYS_epoll_ctl,
                             SYS_epoll_wait,
                             SYS_epoll_pwait,
                             -1};
static const int urgency[] = {SYS_setpriority, SYS_getpriority, -1};

/* What a child gives up. */
static const int no_children[] = {SYS_clone,      SYS_clone3,      SYS_wait4,   SYS_prctl,
                                  SYS_seccomp,    SYS_recvmsg,     SYS_sendmsg, SYS_accept4,
                                  SYS_kill,       SYS_close_range, SYS_capset,  SYS_prlimit64,
                                  SYS_socketpair, SYS_setpriority, -1};

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

static const int *const net_calls[] = {sv_filter_basic, serves, NULL};
static const int *const http_calls[] = {sv_filter_basic, forks, urgency, NULL};
static const int *const verifier_calls[] = {sv_filter_basic, forks, shares, NULL};
static const int *const child_calls[] = {no_children, NULL};
static const int *const fetcher_calls[] = {harmful, NULL};
static const int *const fetch_calls[] = {ends_nobody, NULL};

static const struct sv_filter_choice narrow_choices[] = {
        {SYS_prlimit64, 0, self, true}, {SYS_fcntl, 1, own_fcntl, true}, {0}};
static const struct sv_filter_choice fetcher_choices[] = {{SYS_prlimit64, 0, self, true},
                                                          {SYS_fcntl, 1, signal_fcntl, false},
                                                          {SYS_ioctl, 1, signal_ioctl, false},
                                                          {0}};
/* A child's filter comes on top of its parent's. */
static const struct sv_filter_choice no_choices[] = {{0}};

static const struct sv_filter filters[] = {
        [SV_SANDBOX_NET] = {net_calls, true, narrow_choices},
        [SV_SANDBOX_HTTP] = {http_calls, true, narrow_choices},
        [SV_SANDBOX_CONNECTION] = {child_calls, false, no_choices},
        [SV_SANDBOX_VERIFIER] = {verifier_calls, true, narrow_choices},
        [SV_SANDBOX_VERIFICATION] = {child_calls, false, no_choices},
        [SV_SANDBOX_FETCHER] = {fetcher_calls, false, fetcher_choices},
        [SV_SANDBOX_FETCH] = {fetch_calls, false, no_choices},
};

static bool is_child(enum sv_sandbox kind)
{
        return kind == SV_SANDBOX_CONNECTION || kind == SV_SANDBOX_VERIFICATION ||
               kind == SV_SANDBOX_FETCH;
}

int sv_sandbox_enter(enum sv_sandbox kind, const struct sv_sandbox_files *files, bool *partly,
                     struct sv_err *err)
{
        if (!is_child(kind) && sv_drop_privileges(CHECK, err) < 0)
                return -1;
        if (files) {
                const char *const write[] = {files->write, NULL};
                const struct sv_landlock only = {.read = files->read, .write = write};

                if (sv_landlock_enter(&only, partly, CHECK, err) < 0)
                        return -1;
        }
        return sv_filter_enter(&filters[kind], CHECK, err);
}
