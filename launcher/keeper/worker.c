/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/program/log.h"
#include "base/core/text.h"
#include "launcher/keeper/watch.h"
#include "launcher/keeper/worker-int.h"

#define QUICK_MS  10000 /* a guest that resets sooner after its start than this, */
#define QUICK_MAX 5     /* this often in a row, is not rebooting but failing */

static void tell_simple(struct sv_worker *w, const char *event)
{
        struct sv_json *e = sv_json_object();

        sv_json_set_str(e, "event", event);
        sv_worker_tell(w, e);
}

/* --- the launcher: "commit", or its end --- */

static void hear_launcher(struct sv_worker *w)
{
        SV_BUF line = SV_BUF_NULL;
        char chunk[256];
        ssize_t n = recv(w->launch, chunk, sizeof(chunk), MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN)) {
                close(w->launch);
                w->launch = -1;
                if (!w->committed) {
                        sv_fail(&w->err, SV_SYSTEM, "launch.abandoned",
                                "whoever launched this guest is gone");
                        w->done = true;
                }
                return;
        }
        if (n > 0)
                sv_lines_put(&w->launch_lines, sv_bytes(chunk, (size_t)n));
        while (sv_lines_next(&w->launch_lines, &line)) {
                if (strcmp(sv_buf_str(&line), "commit"))
                        continue;
                w->committed = true;
                sv_json_set_bool(w->status, "committed", true);
                sv_worker_save(w);
                tell_simple(w, "committed");
        }
}

/* --- the guest --- */

static void guest_ended(struct sv_worker *w, bool failed)
{
        enum sv_virt_state state = SV_VIRT_OFF;

        if (!w->rebooting || w->ending) {
                if (failed && !w->ending && !w->err.class)
                        sv_fail(&w->err, SV_SYSTEM, "launch.crashed",
                                "QEMU ended by itself; see log/qemu/ in the guest's folder");
                w->done = true;
                return;
        }
        if (sv_virt_get_state(w->virt, &state, NULL) < 0 || state != SV_VIRT_OFF)
                return; /* the event of an earlier run */
        w->rebooting = false;
        w->quick_reboots = sv_worker_ms(w) - w->last_start < QUICK_MS ? w->quick_reboots + 1 : 0;
        if (w->quick_reboots >= QUICK_MAX) {
                sv_fail(&w->err, SV_SYSTEM, "launch.reboots",
                        "the guest reset itself %d times within seconds; see \"secure-vm console\"",
                        QUICK_MAX);
                w->done = true;
                return;
        }
        tell_simple(w, "rebooting");
        sv_json_set(w->status, "steps", sv_json_array());
        if (sv_worker_restart(w, &w->err) < 0)
                w->done = true;
}

static void hear_virt(struct sv_worker *w)
{
        enum sv_virt_event e;

        while (!w->done && (e = sv_virt_next_event(w->virt)) != SV_VIRT_NO_EVENT) {
                switch (e) {
                case SV_VIRT_REBOOTED:
                        w->rebooting = true;
                        if (sv_virt_destroy(w->virt, &w->err) < 0)
                                w->done = true;
                        break;
                case SV_VIRT_CRASH:
                        sv_fail(&w->err, SV_SYSTEM, "launch.crashed",
                                "the guest's kernel panicked; see \"secure-vm console\"");
                        w->done = true;
                        break;
                case SV_VIRT_STOPPED:
                case SV_VIRT_FAILED:
                        guest_ended(w, e == SV_VIRT_FAILED);
                        break;
                default:
                        break;
                }
        }
}

static void loop(struct sv_worker *w)
{
        while (!w->done) {
                struct pollfd p[5 + SV_CLIENTS_MAX] = {
                        {.fd = w->guard, .events = POLLIN},
                        {.fd = w->launch, .events = POLLIN},
                        {.fd = w->control, .events = POLLIN},
                        {.fd = w->agent, .events = POLLIN},
                        {.fd = sv_virt_event_fd(w->virt), .events = POLLIN},
                };

                for (size_t i = 0; i < SV_CLIENTS_MAX; i++)
                        p[5 + i] = (struct pollfd){.fd = w->clients[i].fd, .events = POLLIN};
                if (poll(p, 5 + SV_CLIENTS_MAX, -1) < 0)
                        continue;
                if (p[0].revents) { /* nothing is ever written there: the guard is gone */
                        sv_fail(&w->err, SV_SYSTEM, "launch.supervisor",
                                "the guard process was killed");
                        return;
                }
                /* The agent before the guest's end: its last words are the reason. */
                if (p[3].revents)
                        sv_worker_agent(w);
                if (p[1].revents)
                        hear_launcher(w);
                if (p[4].revents && !w->done) {
                        if (w->agent >= 0)
                                sv_worker_agent(w);
                        hear_virt(w);
                }
                if (p[2].revents)
                        sv_worker_accept(w);
                for (size_t i = 0; i < SV_CLIENTS_MAX; i++)
                        if (p[5 + i].revents && w->clients[i].fd == p[5 + i].fd &&
                            w->clients[i].fd >= 0)
                                sv_worker_client(w, &w->clients[i]);
        }
}

static void finish(struct sv_worker *w)
{
        struct sv_err err = SV_ERR_NULL;
        unsigned killed = 0;
        struct sv_json *e;

        if (w->virt) {
                if (sv_virt_destroy(w->virt, &err) < 0)
                        sv_log_err(&err);
                sv_virt_close(w->virt);
        }
        if (w->err.class && strcmp(sv_json_str(sv_json_get(w->status, "state")), "failed")) {
                sv_json_set_str(w->status, "state", "failed");
                e = sv_json_set(w->status, "error", sv_json_object());
                sv_json_set_str(e, "class", sv_class_name(w->err.class));
                sv_json_set_str(e, "check", w->err.check);
                sv_json_set_str(e, "message", w->err.msg);
                sv_log_err(&w->err);
        } else if (!w->err.class &&
                   strcmp(sv_json_str(sv_json_get(w->status, "state")), "failed")) {
                sv_json_set_str(w->status, "state", "stopped");
        }
        sv_worker_save(w);
        e = sv_json_object();
        sv_json_set_str(e, "event", "ended");
        if (w->err.class) {
                sv_json_set_str(e, "class", sv_class_name(w->err.class));
                sv_json_set_str(e, "check", w->err.check);
                sv_json_set_str(e, "message", w->err.msg);
        }
        sv_worker_tell(w, e);
        /* The guard does this again; when it is gone, nobody else would. */
        if (sv_state_recover(w->work->state, &killed, &err) < 0)
                sv_log_err(&err);
}

static struct sv_json *first_status(const struct sv_work *k)
{
        struct sv_json *j = sv_json_object();
        char uuid[37], when[32];

        sv_json_set_str(j, "name", k->guest->name);
        sv_json_set_str(j, "uuid", sv_format_uuid(k->guest->uuid, uuid));
        sv_json_set_str(j, "guest_file", k->guest->file);
        sv_json_set_str(j, "tee", k->tee->id->name);
        sv_json_set_str(j, "accelerator", k->kvm ? "kvm" : "tcg");
        sv_json_set_int(j, "vcpus", k->guest->vcpus);
        sv_json_set_int(j, "memory", (int64_t)k->guest->memory);
        sv_json_set_str(j, "state", "starting");
        sv_json_set_str(j, "since", sv_format_time(time(NULL), when));
        sv_json_set_int(j, "guard_pid", getppid());
        sv_json_set_int(j, "worker_pid", getpid());
        sv_json_set(j, "steps", sv_json_array());
        return j;
}

int sv_worker(void *arg, struct sv_worker_ends ends)
{
        struct sv_worker w = {.work = arg,
                              .launch = ends.launch,
                              .guard = ends.guard,
                              .control = -1,
                              .agent = -1};

        struct sv_watch watch;
        bool started;

        w.began = sv_worker_ms(&w);
        for (size_t i = 0; i < SV_CLIENTS_MAX; i++)
                w.clients[i].fd = -1;
        w.status = first_status(w.work);
        sv_worker_save(&w);
        sv_watch_start(w.work->state, w.guard, w.launch, &watch);
        started = sv_worker_listen(&w, &w.err) == 0 && sv_worker_start(&w, &w.err) == 0;
        sv_watch_end(&watch);
        if (started)
                loop(&w);
        finish(&w);
        sv_stage_free(&w.stage);
        return 0;
}
