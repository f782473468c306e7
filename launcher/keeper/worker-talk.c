/* SPDX-License-Identifier: Apache-2.0 */
/* Whom the worker talks to: the launcher, clients of the control socket, the guest's agent. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/keeper/worker-int.h"
#include "launcher/virt/virt-sizes.h"

static bool has_hung_up(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};

        return fd < 0 || (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0);
}

int sv_worker_check_wanted(struct sv_worker *w, struct sv_err *err)
{
        if (has_hung_up(w->guard) || (!w->committed && has_hung_up(w->launch)))
                return sv_fail(err, SV_SYSTEM, "launch.abandoned",
                               "whoever launched this guest is gone");
        return 0;
}

/* --- the control socket --- */

int sv_worker_open_control(struct sv_worker *w, struct sv_err *err)
{
        SV_STR path = sv_state_path(w->work->state, "control.sock");
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        mode_t mask = umask(0177);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 8) < 0) {
                sv_fail_errno(err, "launch.control", "%s", path);
                umask(mask);
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        umask(mask);
        w->control = fd;
        return 0;
}

void sv_worker_accept_client(struct sv_worker *w)
{
        int fd = accept4(w->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        for (size_t i = 0; fd >= 0 && i < SV_CONTROL_CLIENTS_MAX; i++)
                if (w->clients[i].fd < 0) {
                        w->clients[i] = (struct sv_client){.fd = fd};
                        return;
                }
        if (fd >= 0)
                close(fd);
}

/* What others must leave to it, also while it reboots. */
static void note_wanted(struct sv_worker *w, const struct sv_resize *r)
{
        const struct sv_resize_step *vcpus = sv_resize_find(r, SV_RESIZE_VCPUS),
                                    *memory = sv_resize_find(r, SV_RESIZE_MEMORY);

        if (vcpus) {
                w->wanted_vcpus = (unsigned)vcpus->value;
                sv_json_set_int(w->status, "vcpus_wanted", (int64_t)vcpus->value);
        }
        if (memory) {
                w->wanted_memory = memory->value - memory->boot;
                sv_json_set_int(w->status, "memory_wanted", (int64_t)memory->value);
        }
}

static int resize_guest(struct sv_worker *w, struct sv_bytes line, struct sv_err *err)
{
        SV_JSON *j = NULL;
        struct sv_resize r;

        if (sv_json_parse(line, "control.request", &j, err) < 0 ||
            sv_resize_parse(sv_json_get(j, "resize"), &r, err) < 0 ||
            sv_life_check(w->life, SV_LIFE_HALT, w->work->guest->name, err) < 0 ||
            sv_resize_resolve(&r, w->status, err) < 0)
                return -1;
        if (sv_resize_apply(w->virt, &r, err) < 0)
                return -1;
        note_wanted(w, &r);
        sv_worker_save_status(w);
        return 0;
}

/* The status with what only libvirt knows, which is of this moment and not kept. */
static struct sv_json *describe_live(struct sv_worker *w)
{
        struct sv_json *live = sv_json_object();

        sv_json_set_all(live, w->status);
        if (sv_life_check(w->life, SV_LIFE_HALT, w->work->guest->name, NULL) == 0) {
                sv_resize_put_limits(w->virt, live);
                sv_resize_put_sizes(w->virt, live);
        }
        return live;
}

/* QEMU's user reaches no disk of the owner's by its name; where root has users for that, the copies
 * are shown to it in the guest's folder. */
static int start_task(struct sv_worker *w, struct sv_bytes line, struct sv_err *err)
{
        const struct sv_work *k = w->work;
        struct sv_copy_running running = {.guest = k->guest, .virt = w->virt};
        enum sv_virt_state state = SV_VIRT_OFF;
        struct sv_copy_task task = {0};
        SV_JSON *j = NULL;

        if (sv_json_parse(line, "control.request", &j, err) < 0 ||
            sv_copy_task_parse(sv_json_get(j, "task"), &task, err) < 0)
                return -1;
        if (sv_virt_get_state(w->virt, &state, err) < 0)
                return -1;
        if (state != SV_VIRT_RUNNING && state != SV_VIRT_PAUSED)
                return sv_fail(err, SV_SYSTEM, "state.off",
                               "the guest is starting or ending (%s): try again when it runs, or "
                               "is off",
                               sv_virt_state_name(state));
        if (k->ids.qemu && !k->enclosed)
                return sv_fail(err, SV_SYSTEM, "snapshot.mount",
                               "this machine gives the guest no mounts of its own, so that QEMU's "
                               "user would not find the copy; \"secure-vm stop\" the guest, and "
                               "take it then");
        if (k->ids.qemu)
                running.mounts = w->mounts;
        return sv_job_start(&w->job, &task, &running, err);
}

/* Does what was asked; the answer is the status, or the error. */
static int serve_request(struct sv_worker *w, struct sv_client *c, enum sv_control what,
                         struct sv_bytes line, struct sv_err *err)
{
        switch (what) {
        case SV_CONTROL_STATUS:
                return 0;
        case SV_CONTROL_EVENTS:
                c->events = true;
                return 0;
        case SV_CONTROL_STOP:
                return sv_worker_ask(w, SV_LIFE_ASK_STOP, err);
        case SV_CONTROL_DESTROY:
                return sv_worker_ask(w, SV_LIFE_ASK_DESTROY, err);
        case SV_CONTROL_REBOOT:
                return sv_worker_ask(w, SV_LIFE_ASK_REBOOT, err);
        case SV_CONTROL_RESET:
                return sv_worker_ask(w, SV_LIFE_ASK_RESET, err);
        case SV_CONTROL_PAUSE:
                return sv_worker_ask(w, SV_LIFE_ASK_PAUSE, err);
        case SV_CONTROL_RESUME:
                return sv_worker_ask(w, SV_LIFE_ASK_RESUME, err);
        case SV_CONTROL_LIVE:
                return 0;
        case SV_CONTROL_RESIZE:
                return resize_guest(w, line, err);
        case SV_CONTROL_COPY:
                return start_task(w, line, err);
        case SV_CONTROL_CANCEL:
                sv_job_cancel(&w->job);
                return 0;
        }
        return -1;
}

void sv_worker_serve_client(struct sv_worker *w, struct sv_client *c)
{
        SV_BUF line = SV_BUF_NULL;
        char chunk[4096];
        ssize_t n = read(c->fd, chunk, sizeof(chunk));

        if (n <= 0) {
                if (n == 0 || errno != EAGAIN)
                        sv_worker_drop_client(c);
                return;
        }
        sv_lines_put(&c->lines, sv_bytes(chunk, (size_t)n));
        while (c->fd >= 0 && sv_lines_next(&c->lines, &line)) {
                struct sv_err err = SV_ERR_NULL;
                enum sv_control what = 0;
                SV_JSON *answer = NULL;

                if (sv_control_parse(sv_buf_bytes(&line), &what, &err) < 0 ||
                    serve_request(w, c, what, sv_buf_bytes(&line), &err) < 0) {
                        answer = sv_err_json(&err);
                } else {
                        sv_job_put(&w->job, w->status);
                        answer = sv_json_object();
                        sv_json_set_bool(answer, "ok", true);
                        sv_json_set(answer, "status",
                                    what == SV_CONTROL_LIVE ? describe_live(w)
                                                            : sv_json_ref(w->status));
                }
                if (!sv_worker_send_line(c->fd, answer))
                        sv_worker_drop_client(c);
        }
}

/* --- the agent --- */

void sv_worker_give_vcpus(struct sv_worker *w)
{
        struct sv_err err;

        if (w->wanted_vcpus && w->wanted_vcpus > w->work->guest->vcpus &&
            sv_virt_set_vcpus(w->virt, w->wanted_vcpus, &err) < 0)
                sv_log_err(&err);
}

static void note_agent_event(struct sv_worker *w, struct sv_json *event)
{
        const char *name = sv_json_str(sv_json_get(event, "event"));
        bool is_kept = sv_worker_keep_step(w, event);
        enum sv_life before = w->life;
        struct sv_err err = SV_ERR_NULL;

        if (!strcmp(name, "failed")) {
                /* one that stands is ended: it could not do it itself */
                if (sv_worker_act(w, sv_worker_note_event(w, SV_LIFE_REFUSE), &err) < 0)
                        sv_log_err(&err);
                if (w->life == SV_LIFE_REFUSED) {
                        w->refused = true;
                        sv_json_set(w->status, "error", sv_json_ref(event));
                }
        } else if (!strcmp(name, "unlocked")) {
                sv_worker_note_event(w, SV_LIFE_UNLOCK);
                if (w->life == SV_LIFE_UNLOCKED) {
                        if (before != SV_LIFE_UNLOCKED)
                                sv_worker_give_vcpus(w);
                        sv_json_set_str(w->status, "grounds",
                                        sv_json_str(sv_json_get(event, "grounds")));
                        sv_json_set_str(w->status, "instance", sv_json_text(event, "instance", ""));
                }
        }
        /* A guest may say the same without end; the disk is the host's. */
        if (is_kept || w->life != before)
                sv_worker_save_status(w);
}

/* At most so many at once: others want to be served, too. */
#define EVENTS_AT_ONCE 64
#define LAST_WORDS_MS  2000

void sv_worker_read_agent(struct sv_worker *w)
{
        struct sv_json *event = NULL;
        int r = 0;

        for (int i = 0; w->reader.fd >= 0 && i < EVENTS_AT_ONCE; i++) {
                r = sv_reader_next(&w->reader, &event, &w->err);
                if (r <= 0)
                        break;
                note_agent_event(w, event);
                sv_worker_send_event(w, event);
        }
        if (r < 0) {
                sv_reader_end(&w->reader);
                sv_worker_note_event(w, SV_LIFE_FAULT);
        }
}

void sv_worker_finish_agent(struct sv_worker *w)
{
        int64_t end = sv_worker_elapsed(w) + LAST_WORDS_MS, left = LAST_WORDS_MS;

        while (w->reader.reading && left > 0) {
                struct pollfd p = {.fd = w->reader.fd, .events = POLLIN};

                if (poll(&p, 1, (int)left) > 0)
                        sv_worker_read_agent(w);
                left = end - sv_worker_elapsed(w);
        }
}
