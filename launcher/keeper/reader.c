/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/visible.h"
#include "base/program/pass-fd.h"
#include "base/program/seccomp.h"
#include "launcher/keeper/agent-event.h"

#define CHECK    "launch.reader"
#define NOBODY   65534
#define START_MS 10000

/* --- in the process --- */

static int become_user(unsigned user, struct sv_err *err)
{
        if (geteuid() != 0)
                return 0;
        if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 ||
            setresuid(user, user, user) < 0)
                return sv_fail_errno(err, CHECK, "becoming user %u", user);
        return 0;
}

/* Pages of data that the process has (proc(5), statm). */
static rlim_t measure_memory(void)
{
        SV_BUF text = SV_BUF_NULL;
        unsigned long pages = 0;

        if (sv_file_read("/proc/self/statm", 4096, &text, CHECK, NULL) < 0 ||
            sscanf(sv_buf_str(&text), "%*u %*u %*u %*u %*u %lu", &pages) != 1)
                return 0;
        return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int set_limits(struct sv_err *err)
{
        const rlim_t memory = measure_memory() + SV_READER_MEMORY;
        const struct {
                int what;
                rlim_t max;
        } limits[] = {{RLIMIT_DATA, memory}, {RLIMIT_FSIZE, 0}, {RLIMIT_NOFILE, 16}};

        for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
                const struct rlimit l = {limits[i].max, limits[i].max};

                if (setrlimit((typeof(RLIMIT_DATA))limits[i].what, &l) < 0)
                        return sv_fail_errno(err, CHECK, "setting limits");
        }
        return 0;
}

static int close_all_but(int control, struct sv_err *err)
{
        const int keep[] = {control, -1};
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0)
                return sv_fail_errno(err, CHECK, "/dev/null");
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
                dup2(null, fd);
        return sv_close_other_fds(keep, CHECK, err);
}

static int give_up_rights(int control, pid_t parent, unsigned user, struct sv_err *err)
{
        static const int also[] = {SYS_recvmsg, -1};
        static const int *const calls[] = {sv_filter_basic, also, NULL};
        static const struct sv_filter_choice no_choices[] = {{0}};
        static const struct sv_filter filter = {calls, true, no_choices};

        if (close_all_but(control, err) < 0 || set_limits(err) < 0 || become_user(user, err) < 0)
                return -1;
        /* after the change of user, which forgets it */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
                return sv_fail(err, SV_SYSTEM, CHECK, "whoever started this process is gone");
        if (sv_drop_privileges(CHECK, err) < 0)
                return -1;
        return sv_filter_enter(&filter, CHECK, err);
}

static _Noreturn void run_reader(int control, pid_t parent, unsigned user)
{
        struct sv_err err = SV_ERR_NULL;

        prctl(PR_SET_NAME, "sv-reader");
        if (give_up_rights(control, parent, user, &err) < 0) {
                (void)!send(control, err.msg, strlen(err.msg), MSG_NOSIGNAL);
                _exit(SV_SYSTEM);
        }
        if (send(control, SV_READER_END, 1, MSG_NOSIGNAL) == 1)
                sv_reader_serve(control);
        _exit(0);
}

/* --- for who has it --- */

/* Its first message says that it has given its rights up, or why not. Nothing was read yet. */
static int await_reader(const struct sv_reader *r, struct sv_err *err)
{
        struct pollfd p = {.fd = r->fd, .events = POLLIN};
        char why[512] = "it does not answer";
        ssize_t n = -1;

        if (poll(&p, 1, START_MS) > 0)
                n = recv(r->fd, why, sizeof(why) - 1, 0);
        if (n == 1 && !*why)
                return 0;
        if (n >= 0)
                why[n] = 0;
        sv_make_visible(why, strlen(why), false);
        return sv_fail(err, SV_SYSTEM, CHECK,
                       "the process that reads for the guest does not start: %s", why);
}

int sv_reader_start(struct sv_reader *r, unsigned user, struct sv_err *err)
{
        pid_t parent = getpid();
        int ends[2];

        *r = (struct sv_reader)SV_READER_NONE;
        if (sv_fd_pair(ends, CHECK, err) < 0)
                return -1;
        fflush(NULL);
        r->pid = fork();
        if (r->pid == 0)
                run_reader(ends[1], parent, user ? user : NOBODY);
        close(ends[1]);
        r->fd = ends[0];
        if (r->pid < 0) {
                sv_fail_errno(err, CHECK, "starting the process that reads for the guest");
                sv_reader_end(r);
                return -1;
        }
        if (await_reader(r, err) == 0)
                return 0;
        sv_reader_end(r);
        return -1;
}

int sv_reader_give(struct sv_reader *r, int port, struct sv_err *err)
{
        r->reading = true;
        return sv_fd_pass(r->fd, "port", port, CHECK, err);
}

int sv_reader_next(struct sv_reader *r, struct sv_json **event, struct sv_err *err)
{
        uint8_t form[SV_AGENT_EVENT_MAX + 1];
        struct sv_agent_event e;
        ssize_t n = recv(r->fd, form, sizeof(form), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                return sv_fail(err, SV_SYSTEM, CHECK,
                               "the process that reads for the guest has ended");
        if (n == 1 && !form[0]) {
                r->reading = false;
                return 0;
        }
        if (sv_agent_event_read(sv_bytes(form, (size_t)n), &e, err) < 0)
                return -1;
        *event = sv_agent_event_json(&e);
        return 1;
}

void sv_reader_end(struct sv_reader *r)
{
        sv_closep(&r->fd);
        if (r->pid > 0) {
                kill(r->pid, SIGKILL);
                while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        *r = (struct sv_reader)SV_READER_NONE;
}
