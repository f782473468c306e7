/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/guard.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/keeper/life.h"

/* Not of "stat": to read that of a stranger is refused, and logged, where AppArmor confines it. */
static pid_t read_parent_pid(const char *pid)
{
        SV_STR path = sv_asprintf("/proc/%s/status", pid);
        SV_BUF text = SV_BUF_NULL;
        const char *line;

        if (sv_file_read(path, SV_PROC_SIZE_MAX, &text, "proc", NULL) < 0)
                return -1;
        line = strstr(sv_buf_str(&text), "\nPPid:\t");
        return line ? (pid_t)strtol(line + strlen("\nPPid:\t"), NULL, 10) : -1;
}

static unsigned kill_children(void)
{
        DIR *proc = opendir("/proc");
        struct dirent *e;
        unsigned n = 0;

        while (proc && (e = readdir(proc)))
                if (isdigit((unsigned char)e->d_name[0]) && read_parent_pid(e->d_name) == getpid())
                        n += kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL) == 0;
        if (proc)
                closedir(proc);
        return n;
}

/* The children of a process that is killed become the guard's own: repeats until none is left. */
static void reap_descendants(void)
{
        for (int round = 0; round < 1000; round++) {
                pid_t pid;

                kill_children();
                while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                        ;
                if (pid < 0 && errno == ECHILD)
                        return;
                usleep(5000);
        }
}

void sv_guard_note_end(const struct sv_state *s, const char *text)
{
        SV_JSON *j = NULL;
        struct sv_json *e;

        if (sv_state_read_status(s, &j, NULL) < 0)
                return;
        sv_json_set_str(j, "state", sv_life_word(SV_LIFE_FAILED));
        e = sv_json_set(j, "error", sv_json_object());
        sv_json_set_str(e, "class", "system");
        sv_json_set_str(e, "check", "launch.supervisor");
        sv_json_set_str(e, "message", text);
        sv_state_write_status(s, j, NULL);
}

static void note_abnormal_end(const struct sv_state *s, int status)
{
        SV_STR text =
                WIFSIGNALED(status)
                        ? sv_asprintf("the supervisor was killed by signal %d", WTERMSIG(status))
                        : sv_asprintf("the supervisor ended with status %d", WEXITSTATUS(status));

        sv_guard_note_end(s, text);
}

static int guard_worker(const struct sv_state *s, pid_t worker)
{
        struct sv_err err = SV_ERR_NULL;
        unsigned killed = 0;
        int status = 0;
        pid_t pid;

        while ((pid = waitpid(-1, &status, 0)) != worker)
                if (pid < 0 && errno != EINTR)
                        break;
        reap_descendants();
        if (!WIFEXITED(status) || WEXITSTATUS(status))
                note_abnormal_end(s, status);
        if (sv_state_recover(s, &killed, &err) < 0)
                sv_log_err(&err);
        return 0;
}

/* Closes all descriptors but the three standard ones and these two: who waits for the end of one of
 * the caller's pipes must not wait for the guard's end. */
static void close_other_fds(int a, int b)
{
        int low = a < b ? a : b, high = a < b ? b : a;

        if (low > 3)
                close_range(3, (unsigned)low - 1, 0);
        if (high > low + 1)
                close_range((unsigned)low + 1, (unsigned)high - 1, 0);
        close_range((unsigned)high + 1, ~0u, 0);
}

/* No terminal, no standard streams of the launcher's: what is said goes to the guest's own log. */
static void detach_guard(const struct sv_state *s)
{
        SV_STR path = sv_state_path(s, "supervisor.log");
        int null = open("/dev/null", O_RDWR), log = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        setsid();
        dup2(null, 0);
        dup2(log >= 0 ? log : null, 1);
        dup2(log >= 0 ? log : null, 2);
        if (null > 2)
                close(null);
        if (log > 2)
                close(log);
        if (chdir("/") < 0)
                sv_warn("/ cannot be entered");
        signal(SIGHUP, SIG_IGN);
        signal(SIGPIPE, SIG_IGN);
}

static int run_guard(const struct sv_state *s, int launch,
                     int (*worker)(void *arg, struct sv_worker_ends ends), void *arg)
{
        int ends[2];
        pid_t pid;

        close_other_fds(launch, s->lock);
        detach_guard(s);
        if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || pipe2(ends, O_CLOEXEC) < 0 ||
            (pid = fork()) < 0)
                return 1;
        if (pid == 0) {
                close(ends[1]);
                prctl(PR_SET_NAME, "sv-worker");
                return worker(arg, (struct sv_worker_ends){.launch = launch, .guard = ends[0]});
        }
        close(launch); /* the launcher must see the worker's death, not the guard's life */
        close(ends[0]);
        prctl(PR_SET_NAME, "sv-guard");
        return guard_worker(s, pid);
}

int sv_guard_start(const struct sv_state *s, int (*worker)(void *arg, struct sv_worker_ends ends),
                   void *arg, struct sv_err *err)
{
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return sv_fail_errno(err, "launch.supervisor", "a socket pair");
        fflush(NULL);
        pid = fork();
        if (pid < 0) {
                close(pair[0]);
                close(pair[1]);
                return sv_fail_errno(err, "launch.supervisor", "starting the supervisor");
        }
        if (pid == 0) {
                close(pair[0]);
                _exit(run_guard(s, pair[1], worker, arg));
        }
        close(pair[1]);
        return pair[0];
}
