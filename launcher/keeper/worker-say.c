/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker says: its status file, and events to whoever wants them. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/program/log.h"
#include "launcher/keeper/worker-int.h"

int64_t sv_worker_elapsed(const struct sv_worker *w)
{
        return sv_clock_ms() - w->began;
}

void sv_worker_save_status(struct sv_worker *w)
{
        struct sv_err err = SV_ERR_NULL;

        sv_job_put(&w->job, w->status);
        if (sv_state_write_status(w->work->state, w->status, &err) < 0)
                sv_log_err(&err);
}

void sv_worker_drop_client(struct sv_client *c)
{
        close(c->fd);
        sv_lines_free(&c->lines);
        *c = (struct sv_client){.fd = -1};
}

bool sv_worker_send_line(int fd, const struct sv_json *j)
{
        SV_BUF line = SV_BUF_NULL;

        sv_json_print(j, &line);
        sv_buf_puts(&line, "\n");
        return send(fd, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)line.n;
}

void sv_worker_send_event(struct sv_worker *w, struct sv_json *event)
{
        sv_json_set_int(event, "at_ms", sv_worker_elapsed(w));
        if (w->launch >= 0 && !sv_worker_send_line(w->launch, event)) {
                close(w->launch);
                w->launch = -1;
        }
        for (size_t i = 0; i < SV_CONTROL_CLIENTS_MAX; i++) {
                struct sv_client *c = &w->clients[i];

                if (c->fd >= 0 && c->events && !sv_worker_send_line(c->fd, event))
                        sv_worker_drop_client(c);
        }
        sv_json_free(event);
}

bool sv_worker_keep_step(struct sv_worker *w, struct sv_json *event)
{
        struct sv_json *steps = sv_json_get(w->status, "steps");

        if (sv_json_len(steps) >= SV_STEPS_MAX)
                return false;
        sv_json_set_int(event, "at_ms", sv_worker_elapsed(w));
        sv_json_add(steps, sv_json_ref(event));
        return true;
}
