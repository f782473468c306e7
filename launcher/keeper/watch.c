/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/keeper/guard.h"

/* The worker is killed, and what it and libvirt have started with it; the lock, which we hold too,
 * is free when all of that is gone. */
static void end_worker(const struct sv_state *s, int worker, int end)
{
        struct pollfd p = {.fd = end, .events = POLLIN};
        struct sv_err err = SV_ERR_NULL;
        unsigned killed = 0;

        pidfd_send_signal(worker, SIGKILL, NULL, 0);
        /* Hangs up when the worker has gone, and with it whatever it had forked and not yet made
         * another program: the rest has a name. */
        while (poll(&p, 1, 10000) < 0 && errno == EINTR)
                ;
        sv_guard_note_end(s, "the guard process was killed");
        if (sv_state_recover(s, &killed, &err) < 0)
                sv_log_err(&err);
}

static void watch_guard(const struct sv_state *s, int worker, int guard, int end)
{
        for (;;) {
                struct pollfd p[2] = {{.fd = guard, .events = POLLIN},
                                      {.fd = end, .events = POLLIN}};

                if (poll(p, 2, -1) < 0)
                        continue;
                if (p[0].revents)
                        end_worker(s, worker, end);
                return;
        }
}

void sv_watch_start(const struct sv_state *s, int guard, int launch, struct sv_watch *out)
{
        /* Not by its number: once guard and worker are gone another process may have that. */
        SV_FD worker = pidfd_open(getpid(), 0);
        int ends[2];

        *out = (struct sv_watch){.fd = -1};
        if (worker < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return;
        fflush(NULL);
        out->pid = fork();
        if (out->pid == 0) {
                close(ends[1]);
                close(launch); /* the launcher must see the worker's death */
                prctl(PR_SET_NAME, "sv-watch");
                watch_guard(s, worker, guard, ends[0]);
                _exit(0);
        }
        close(ends[0]);
        if (out->pid > 0) {
                out->fd = ends[1];
                return;
        }
        close(ends[1]);
        out->pid = 0;
}

void sv_watch_end(struct sv_watch *w)
{
        if (!w->pid)
                return;
        sv_closep(&w->fd);
        while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        w->pid = 0;
}
