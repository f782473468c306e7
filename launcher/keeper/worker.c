/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/core/text.h"
#include "base/program/log.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/status.h"
#include "launcher/keeper/watch.h"
#include "launcher/keeper/worker-int.h"

static void send_named_event(struct sv_worker *w, const char *event)
{
        struct sv_json *e = sv_json_object();

        sv_json_set_str(e, "event", event);
        sv_worker_send_event(w, e);
}

/* --- the launcher: "commit", or its end --- */

static void commit_guest(struct sv_worker *w)
{
        w->committed = true;
        sv_json_set_bool(w->status, "committed", true);
        sv_worker_save_status(w);
        send_named_event(w, "committed");
}

static void read_launcher(struct sv_worker *w)
{
        SV_BUF line = SV_BUF_NULL;
        char chunk[256];
        ssize_t n = recv(w->launch, chunk, sizeof(chunk), MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN)) {
                close(w->launch);
                w->launch = -1;
                return;
        }
        if (n > 0)
                sv_lines_put(&w->launch_lines, sv_bytes(chunk, (size_t)n));
        while (sv_lines_next(&w->launch_lines, &line))
                if (!strcmp(sv_buf_str(&line), "commit"))
                        commit_guest(w);
}

/* Before "commit", a launcher that went, or that does not read, ends the guest. */
static void check_launcher(struct sv_worker *w)
{
        if (w->committed || w->launch >= 0 || sv_life_is_final(w->life))
                return;
        sv_worker_note_event(w, SV_LIFE_ABANDON);
        sv_fail(&w->err, SV_SYSTEM, "launch.abandoned", "whoever launched this guest is gone");
}

/* --- the guest --- */

static int start_again(struct sv_worker *w, struct sv_err *err)
{
        bool quick = sv_worker_elapsed(w) - w->last_start < SV_QUICK_REBOOT_MS;

        w->quick_reboots = quick ? w->quick_reboots + 1 : 0;
        if (w->quick_reboots >= SV_QUICK_REBOOTS_MAX)
                return sv_fail(
                        err, SV_SYSTEM, "launch.reboots",
                        "the guest reset itself %d times within seconds; see \"secure-vm console\"",
                        SV_QUICK_REBOOTS_MAX);
        w->refused = false;
        send_named_event(w, "rebooting");
        sv_json_set(w->status, "steps", sv_json_array());
        return sv_worker_restart(w, err);
}

static bool is_guest_in(struct sv_worker *w, enum sv_virt_state state)
{
        enum sv_virt_state now = SV_VIRT_ENDING;

        return sv_virt_get_state(w->virt, &now, NULL) == 0 && now == state;
}

/* Why the guest failed, unless it did not or a reason is there already. */
static void note_reason(struct sv_worker *w, enum sv_life_event event)
{
        if (w->life != SV_LIFE_FAILED || w->err.class)
                return;
        if (event == SV_LIFE_LOST)
                sv_fail(&w->err, SV_SYSTEM, "launch.crashed",
                        "QEMU ended by itself; see log/qemu/ in the guest's folder");
        else if (event == SV_LIFE_PANIC)
                sv_fail(&w->err, SV_SYSTEM, "launch.crashed",
                        "the guest's kernel panicked; see \"secure-vm console\"");
}

static void follow_event(struct sv_worker *w, enum sv_life_event event)
{
        enum sv_life_action action = sv_worker_note_event(w, event);
        int r;

        note_reason(w, event);
        r = action == SV_LIFE_START ? start_again(w, &w->err) : sv_worker_act(w, action, &w->err);
        if (r < 0)
                sv_worker_note_event(w, SV_LIFE_FAULT);
}

/* By what is so now: the event may be older than a command that came after it. */
static void follow_halt(struct sv_worker *w, bool halted)
{
        enum sv_life before = w->life;

        if (!is_guest_in(w, halted ? SV_VIRT_PAUSED : SV_VIRT_RUNNING))
                return;
        follow_event(w, halted ? SV_LIFE_HALT : SV_LIFE_GO_ON);
        sv_worker_tell_pause(w, before, halted ? sv_virt_pause_reason(w->virt) : NULL);
}

static void read_virt(struct sv_worker *w)
{
        enum sv_virt_event e;

        while (!sv_life_is_final(w->life) &&
               (e = sv_virt_next_event(w->virt)) != SV_VIRT_NO_EVENT) {
                switch (e) {
                case SV_VIRT_REBOOTED:
                        follow_event(w, SV_LIFE_RESET);
                        break;
                case SV_VIRT_HALTED:
                case SV_VIRT_RESUMED:
                        follow_halt(w, e == SV_VIRT_HALTED);
                        break;
                case SV_VIRT_CRASH:
                        follow_event(w, SV_LIFE_PANIC);
                        break;
                case SV_VIRT_WENT_OFF:
                        w->off = sv_worker_elapsed(w);
                        break;
                case SV_VIRT_STOPPED:
                case SV_VIRT_FAILED:
                        w->off = 0;
                        /* While it reboots, this may be the event of an earlier run. */
                        if (w->life == SV_LIFE_REBOOTING && !is_guest_in(w, SV_VIRT_OFF))
                                break;
                        sv_worker_finish_agent(w);
                        if (!sv_life_is_final(w->life))
                                follow_event(w, e == SV_VIRT_FAILED ? SV_LIFE_LOST : SV_LIFE_OFF);
                        break;
                default:
                        break;
                }
        }
}

/* --- the loop --- */

enum { GUARD, LAUNCH, CONTROL, AGENT, VIRT, CONSOLE, JOB, CLIENTS };

static void serve_round(struct sv_worker *w, const struct pollfd *p)
{
        /* The agent before the guest's end: its last event is the reason. */
        if (p[AGENT].revents)
                sv_worker_read_agent(w);
        if (p[LAUNCH].revents && w->launch >= 0)
                read_launcher(w);
        check_launcher(w);
        if (p[VIRT].revents && !sv_life_is_final(w->life)) {
                sv_worker_read_agent(w);
                read_virt(w);
        }
        if (p[CONSOLE].revents)
                sv_console_log_look(&w->console);
        if (p[JOB].revents)
                sv_worker_save_status(w);
        if (p[CONTROL].revents)
                sv_worker_accept_client(w);
        for (size_t i = 0; i < SV_CONTROL_CLIENTS_MAX; i++) {
                struct sv_client *c = &w->clients[i];

                if (p[CLIENTS + i].revents && c->fd >= 0 && c->fd == p[CLIENTS + i].fd)
                        sv_worker_serve_client(w, c);
        }
}

/* A guest that is to reboot may have been asked before it listened. */
static void press_again(struct sv_worker *w)
{
        if (sv_worker_find_press(w, sv_worker_elapsed(w)) == 0)
                sv_worker_act(w, SV_LIFE_SHUT_DOWN, NULL); /* it may end just now */
}

/* libvirt asks a QEMU whose guest is off once, and waits for ever. */
static void end_late_qemu(struct sv_worker *w)
{
        if (sv_worker_find_end(w, sv_worker_elapsed(w)))
                return;
        sv_warn("the guest is off, and QEMU has not ended within %d s: it is killed",
                SV_QEMU_END_SECONDS);
        w->off = sv_worker_elapsed(w);
        if (sv_virt_destroy(w->virt, &w->err) < 0)
                sv_worker_note_event(w, SV_LIFE_FAULT);
}

/* Milliseconds until something is due, -1: nothing is. */
static int find_due(const struct sv_worker *w)
{
        int64_t now = sv_worker_elapsed(w);
        int64_t press = sv_worker_find_press(w, now), end = sv_worker_find_end(w, now);

        return (int)(press < 0 || (end >= 0 && end < press) ? end : press);
}

static void run_worker_loop(struct sv_worker *w)
{
        while (!sv_life_is_final(w->life)) {
                struct pollfd p[CLIENTS + SV_CONTROL_CLIENTS_MAX] = {
                        [GUARD] = {.fd = w->guard, .events = POLLIN},
                        [LAUNCH] = {.fd = w->launch, .events = POLLIN},
                        [CONTROL] = {.fd = w->control, .events = POLLIN},
                        [AGENT] = {.fd = w->reader.fd, .events = POLLIN},
                        [VIRT] = {.fd = sv_virt_event_fd(w->virt), .events = POLLIN},
                        [CONSOLE] = {.fd = w->console.watch, .events = POLLIN},
                        [JOB] = {.fd = w->job.wake, .events = POLLIN},
                };

                for (size_t i = 0; i < SV_CONTROL_CLIENTS_MAX; i++)
                        p[CLIENTS + i] = (struct pollfd){.fd = w->clients[i].fd, .events = POLLIN};
                press_again(w);
                end_late_qemu(w);
                if (poll(p, CLIENTS + SV_CONTROL_CLIENTS_MAX, find_due(w)) < 0)
                        continue;
                if (p[GUARD].revents) { /* nothing is ever written there: the guard is gone */
                        sv_worker_note_event(w, SV_LIFE_ORPHAN);
                        sv_fail(&w->err, SV_SYSTEM, "launch.supervisor",
                                "the guard process was killed");
                        return;
                }
                serve_round(w, p);
        }
}

/* --- first and last --- */

static void finish_guest(struct sv_worker *w)
{
        struct sv_err err = SV_ERR_NULL;
        unsigned killed = 0;
        struct sv_json *e;

        if (w->virt) {
                if (sv_virt_destroy(w->virt, &err) < 0)
                        sv_log_err(&err);
                sv_job_end(&w->job);
                sv_virt_close(w->virt);
        }
        sv_worker_free_disks(w);
        if (w->err.class && !w->refused) {
                sv_put_error(sv_json_set(w->status, "error", sv_json_object()), &w->err);
                sv_log_err(&w->err);
        }
        sv_worker_save_status(w);
        e = sv_json_object();
        sv_json_set_str(e, "event", "ended");
        if (w->err.class)
                sv_put_error(e, &w->err);
        sv_worker_send_event(w, e);
        /* The guard does this again, unless it was killed. */
        if (sv_state_recover(w->work->state, &killed, &err) < 0)
                sv_log_err(&err);
}

static struct sv_json *make_status(const struct sv_work *k)
{
        struct sv_json *j = sv_status_begin(k->guest, k->tee->id->name, k->kvm);

        sv_json_set_int(j, "qemu_uid", k->ids.qemu ? k->ids.qemu : geteuid());
        sv_json_set_int(j, "swtpm_uid", k->ids.qemu ? k->ids.swtpm : geteuid());
        sv_json_set_int(j, "guard_pid", getppid());
        sv_json_set_int(j, "worker_pid", getpid());
        return j;
}

int sv_worker_run(void *arg, struct sv_worker_ends ends)
{
        struct sv_worker w = {.work = arg,
                              .launch = ends.launch,
                              .guard = ends.guard,
                              .control = -1,
                              .reader = SV_READER_NONE,
                              .console = {.watch = -1},
                              .life = SV_LIFE_STARTING};
        struct sv_watch watch;
        int r;

        sv_job_init(&w.job);
        w.mounts = sv_state_path(w.work->state, "run");
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                w.held[i] = -1;
        w.began = sv_worker_elapsed(&w);
        for (size_t i = 0; i < SV_CONTROL_CLIENTS_MAX; i++)
                w.clients[i].fd = -1;
        w.status = make_status(w.work);
        sv_worker_save_status(&w);
        sv_watch_start(w.work->state, w.guard, w.launch, &watch);
        r = sv_reader_start(&w.reader, w.work->reader, &w.err);
        if (r == 0)
                r = sv_worker_open_control(&w, &w.err);
        if (r == 0)
                r = sv_worker_start(&w, &w.err);
        sv_watch_end(&watch);
        if (r == 0)
                run_worker_loop(&w);
        else
                sv_worker_note_event(&w, SV_LIFE_FAULT);
        finish_guest(&w);
        sv_reader_end(&w.reader);
        sv_job_free(&w.job);
        free(w.mounts);
        sv_stage_free(&w.stage);
        sv_console_log_free(&w.console);
        return 0;
}
