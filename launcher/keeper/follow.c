/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/follow.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/program/log.h"
#include "launcher/keeper/control.h"
#include "launcher/keeper/life.h"

#define LIVE_MS 1000 /* the line on a terminal is written anew as often */

static int put_timing(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct sv_buf *line = arg;

        sv_buf_printf(line, "%s%s %lld", line->n ? ", " : "", name,
                      (long long)sv_json_int(value, 0));
        return 0;
}

static void show_unlocked(const struct sv_json *e, double at)
{
        SV_BUF line = SV_BUF_NULL;

        sv_info("[%6.2fs] guest: the disk is open: %s", at, sv_json_text(e, "grounds", ""));
        sv_json_each(sv_json_get(e, "timings"), put_timing, &line, NULL);
        if (line.n)
                sv_info("[%6.2fs] guest: milliseconds: %s", at, sv_buf_str(&line));
}

static void show_done_step(const struct sv_json *e, double at, long long ms)
{
        const char *step = sv_json_text(e, "step", "");
        bool is_network = !strcmp(step, "network");

        /* What other steps say is on the guest's console, and nobody waits for it. */
        sv_info("[%6.2fs] guest: %s%s%s (%lld ms)", at, step, is_network ? ": " : "",
                is_network ? sv_json_text(e, "says", "up") : "", ms);
}

/* Firmware and kernel say nothing to the agent's port: who waits hears what for. */
static void show_running(const struct sv_follow *f, bool kvm, double at)
{
        sv_info("[%6.2fs] the guest runs, under %s", at, kvm ? "KVM" : "TCG (emulated)");
        if (f->wait)
                sv_info("[%6.2fs] waiting for its agent: firmware and kernel start first%s", at,
                        kvm ? "" : ", which takes a minute or more without KVM");
}

static void show_event(const struct sv_follow *f, const struct sv_json *e)
{
        const char *name = sv_json_text(e, "event", "");
        double at = (double)sv_json_int(sv_json_get(e, "at_ms"), 0) / 1000;
        long long ms = (long long)sv_json_int(sv_json_get(e, "ms"), 0);

        if (f->events) {
                SV_BUF line = SV_BUF_NULL;

                sv_json_print(e, &line);
                fprintf(f->events, "%s\n", sv_buf_str(&line));
                fflush(f->events);
        }
        if (f->quiet)
                return;
        if (!strcmp(name, "launch"))
                sv_info("[%6.2fs] %s (%lld ms)", at, sv_json_text(e, "step", ""), ms);
        else if (!strcmp(name, "running"))
                show_running(f, strcmp(sv_json_text(e, "accelerator", ""), "kvm") == 0, at);
        else if (!strcmp(name, "step") && !strcmp(sv_json_text(e, "state", ""), "done"))
                show_done_step(e, at, ms);
        else if (!strcmp(name, "retry"))
                sv_info("[%6.2fs] guest: tries again: %s [%s]", at, sv_json_text(e, "message", ""),
                        sv_json_text(e, "check", ""));
        else if (!strcmp(name, "rebooting"))
                sv_info("[%6.2fs] the guest reboots: it is launched and attested again", at);
        else if (!strcmp(name, "unlocked"))
                show_unlocked(e, at);
}

/* What is waited for, until the next event. */
static void note_awaited(struct sv_follow *f, const struct sv_json *e)
{
        const char *name = sv_json_text(e, "event", ""), *step = sv_json_text(e, "step", "");

        if (!strcmp(name, "running"))
                snprintf(f->awaited, sizeof(f->awaited), "the guest's firmware and kernel start");
        else if (!strcmp(name, "step"))
                snprintf(f->awaited, sizeof(f->awaited), "guest: %s%s", step,
                         strcmp(sv_json_text(e, "state", ""), "done") ? "" : " is done");
        else if (!strcmp(name, "retry"))
                snprintf(f->awaited, sizeof(f->awaited), "guest: tries again");
        else if (!strcmp(name, "rebooting"))
                snprintf(f->awaited, sizeof(f->awaited), "the guest reboots");
}

static void show_awaited(const struct sv_follow *f)
{
        if (!f->quiet)
                sv_live("%lld s: %s", (long long)(sv_clock_ms() - f->began) / 1000,
                        *f->awaited ? f->awaited
                        : f->down   ? "the guest shuts down"
                                    : "starts");
}

/* The check that an event names, with its class. */
static int fail_from_event(const struct sv_json *e, const char *otherwise, struct sv_err *err)
{
        enum sv_class class = sv_class_from_name(sv_json_text(e, "class", ""));

        return sv_fail(err, class ? class : SV_SYSTEM,
                       *sv_json_text(e, "check", "") ? sv_json_text(e, "check", "") : otherwise,
                       "%s",
                       *sv_json_text(e, "message", "") ? sv_json_text(e, "message", "")
                                                       : "no reason was given");
}

static void note_release(struct sv_follow *f, const struct sv_json *e)
{
        snprintf(f->reasons, sizeof(f->reasons), "%s", sv_json_text(e, "grounds", ""));
        snprintf(f->instance, sizeof(f->instance), "%s", sv_json_text(e, "instance", ""));
        sv_json_free(f->timings);
        f->timings = sv_json_ref(sv_json_get(e, "timings"));
}

static int fail_ended(const struct sv_follow *f, const struct sv_json *e, struct sv_err *err)
{
        if (*sv_json_text(e, "check", ""))
                return fail_from_event(e, "launch.ended", err);
        return sv_fail(err, SV_SYSTEM, "launch.ended",
                       "the guest ended %s; \"secure-vm console\" shows its last words",
                       f->wait ? "before it had its disk" : "at once");
}

int sv_follow_judge(struct sv_follow *f, const struct sv_json *status, bool over,
                    struct sv_err *err)
{
        enum sv_life life = sv_life_from_word(sv_json_text(status, "state", ""));
        const struct sv_json *error = sv_json_get(status, "error");

        if (over && f->end && life == SV_LIFE_STOPPED)
                return 1;
        if (error && (over || !f->end) && life == SV_LIFE_FAILED)
                return fail_from_event(error, "launch.ended", err);
        if (over)
                return sv_fail(err, SV_SYSTEM, "wait.ended",
                               "the guest does not run (%s); \"secure-vm start\" or \"launch\" "
                               "starts it",
                               sv_json_text(status, "state", ""));
        if (life == SV_LIFE_UNLOCKED)
                note_release(f, status);
        return !f->end && (life == SV_LIFE_UNLOCKED || (life == SV_LIFE_RUNNING && !f->wait));
}

/* The guest runs: from now on it lives without this process. */
static int commit_launch(struct sv_follow *f, struct sv_err *err)
{
        if (send(f->fd, "commit\n", 7, MSG_NOSIGNAL) != 7)
                return sv_fail_errno(err, "launch.supervisor", "the guest's supervisor");
        f->committed = true;
        return 0;
}

static const char *name_last_event(const struct sv_follow *f)
{
        if (f->end)
                return "ended";
        if (f->wait)
                return "unlocked";
        return f->commit ? "committed" : "running";
}

/* 1 when reached, 0 to go on, -1. */
static int judge_event(struct sv_follow *f, const struct sv_json *e, struct sv_err *err)
{
        const char *name = sv_json_text(e, "event", "");

        if (f->now && sv_json_get(e, "status"))
                return sv_follow_judge(f, sv_json_get(e, "status"), false, err);
        if (!strcmp(name, "failed") && !f->end)
                return fail_from_event(e, "agent.failed", err);
        if (!strcmp(name, "ended") && !strcmp(sv_json_text(e, "check", ""), "launch.supervisor"))
                f->cause = SV_FOLLOW_SUPERVISOR_GONE; /* or it is just ending: no guest says so */
        if (!strcmp(name, "ended") && (!f->end || *sv_json_text(e, "check", "")))
                return fail_ended(f, e, err);
        if (!strcmp(name, "unlocked"))
                note_release(f, e);
        if (!strcmp(name, "rebooting"))
                f->down = 0;
        if (!strcmp(name, "running") && f->commit && commit_launch(f, err) < 0)
                return -1;
        return !strcmp(name, name_last_event(f)) && !f->down;
}

/* As judge_event. */
static int take_event(struct sv_follow *f, const struct sv_json *e, struct sv_err *err)
{
        show_event(f, e);
        note_awaited(f, e);
        return judge_event(f, e, err);
}

static int take_lines(struct sv_follow *f, struct sv_lines *lines, struct sv_err *err)
{
        SV_BUF line = SV_BUF_NULL;
        int r = 0;

        while (r == 0 && sv_lines_next(lines, &line)) {
                SV_JSON *e = NULL;

                if (sv_json_parse(sv_buf_bytes(&line), "control.event", &e, err) < 0)
                        return -1;
                r = take_event(f, e, err);
        }
        return r;
}

static int hear_agent(struct sv_follow *f, struct sv_err *err)
{
        SV_JSON *e = NULL;
        int r = sv_reader_next(f->reader, &e, err);

        if (r < 0)
                return -1;
        if (r > 0) {
                sv_json_set_int(e, "at_ms", sv_clock_ms() - f->began);
                return take_event(f, e, err);
        }
        if (f->reader->reading)
                return 0;
        return sv_fail(err, SV_SYSTEM, "launch.ended",
                       "the guest ended before it had its disk; its console says more");
}

static int hear_supervisor(struct sv_follow *f, struct sv_lines *lines, struct sv_err *err)
{
        char chunk[4096];
        ssize_t n = recv(f->fd, chunk, sizeof(chunk), 0);

        if (n <= 0) {
                f->cause = SV_FOLLOW_SUPERVISOR_GONE;
                return sv_fail(err, SV_SYSTEM, "launch.supervisor",
                               "the guest's supervisor was killed; nothing of the guest is left");
        }
        sv_lines_put(lines, sv_bytes(chunk, (size_t)n));
        return take_lines(f, lines, err);
}

static int64_t find_deadline(unsigned seconds)
{
        return seconds ? sv_clock_ms() + (int64_t)seconds * 1000 : INT64_MAX;
}

static int fail_timeout(struct sv_follow *f, struct sv_err *err)
{
        if (f->down) {
                f->cause = SV_FOLLOW_NOT_DOWN;
                return sv_fail(err, SV_SYSTEM, "reboot.timeout",
                               "the guest did not shut down within %u seconds, and is launched "
                               "again when it has; --timeout gives it more, --force resets it then",
                               f->down);
        }
        return sv_fail(err, SV_SYSTEM, "launch.timeout",
                       "the guest did not get there within %u seconds; --timeout gives it more",
                       f->timeout);
}

/* What asks this process to end becomes readable; what it was started without, as with nohup, stays
 * so. */
static int take_signals(sigset_t *before)
{
        static const int asks[] = {SIGINT, SIGTERM, SIGHUP};
        struct sigaction now;
        sigset_t set;
        int fd;

        sigemptyset(&set);
        for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++)
                if (sigaction(asks[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
                        sigaddset(&set, asks[i]);
        sigprocmask(SIG_BLOCK, &set, before);
        fd = signalfd(-1, &set, SFD_CLOEXEC);
        if (fd < 0) /* then they end it, as ever */
                sigprocmask(SIG_SETMASK, before, NULL);
        return fd;
}

/* A second signal, from now on, ends the process. */
static void give_signals_back(int fd, const sigset_t *before)
{
        struct signalfd_siginfo info;
        struct pollfd p = {.fd = fd, .events = POLLIN};

        while (fd >= 0 && poll(&p, 1, 0) > 0 && read(fd, &info, sizeof(info)) > 0)
                ;
        if (fd >= 0)
                close(fd);
        sigprocmask(SIG_SETMASK, before, NULL);
}

static int fail_interrupted(struct sv_follow *f, struct sv_err *err)
{
        const char *what = "interrupted before the guest ran; nothing of it is left";

        f->cause = SV_FOLLOW_INTERRUPTED;
        if (f->committed)
                what = f->bound ? "interrupted before the guest was ready; it is ended"
                                : "interrupted; the guest goes on: \"secure-vm wait\" follows it, "
                                  "\"secure-vm stop\" ends it";
        return sv_fail(err, SV_SYSTEM, "launch.interrupted", "%s", what);
}

static int hear_next(struct sv_follow *f, struct sv_lines *lines, int signals, int ms,
                     struct sv_err *err)
{
        struct pollfd p[] = {{.fd = f->reader ? f->reader->fd : f->fd, .events = POLLIN},
                             {.fd = signals, .events = POLLIN}};

        if (poll(p, 2, ms) <= 0)
                return 0;
        if (p[1].revents)
                return fail_interrupted(f, err);
        return f->reader ? hear_agent(f, err) : hear_supervisor(f, lines, err);
}

static int follow_until(struct sv_follow *f, struct sv_lines *lines, int signals,
                        struct sv_err *err)
{
        int64_t end = find_deadline(f->down ? f->down : f->timeout);
        int r = 0;

        while (r == 0) {
                int64_t left = end - sv_clock_ms();
                bool going_down = f->down;

                if (left <= 0)
                        return fail_timeout(f, err);
                show_awaited(f);
                r = hear_next(f, lines, signals, left > LIVE_MS ? LIVE_MS : (int)left, err);
                if (going_down && !f->down)
                        end = find_deadline(f->timeout);
        }
        return r < 0 ? -1 : 0;
}

int sv_follow_events(struct sv_follow *f, struct sv_err *err)
{
        struct sv_lines lines = {0};
        sigset_t before;
        int signals, r;

        f->cause = SV_FOLLOW_SAID;
        f->began = sv_clock_ms();
        signals = f->commit ? take_signals(&before) : -1;
        r = follow_until(f, &lines, signals, err);
        sv_live_end();
        if (f->commit)
                give_signals_back(signals, &before);
        sv_lines_free(&lines);
        return r;
}
