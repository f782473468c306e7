/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/visible.h"

#define PORT_NAME   "org.secure-vm.agent"
#define PENDING_MAX (64u << 10) /* bytes kept for a host that does not read yet */
#define FLUSH_MS    1000

static int port = -1;
static struct sv_buf pending = {.max = PENDING_MAX};
static int64_t step_began, attest_began;
static struct sv_json *timings;

static int open_port(const struct sv_machine *m, const char *entry)
{
        SV_STR file = sv_asprintf("/sys/class/virtio-ports/%s/name", entry);
        SV_STR name = sv_machine_path(m, file);
        SV_STR node = sv_asprintf("/dev/%s", entry);
        SV_STR device = sv_machine_path(m, node);
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(name, 128, &text, "agent.port", NULL) < 0 ||
            strcmp(sv_buf_str(&text), PORT_NAME "\n") != 0)
                return -1;
        /* Never wait for a host that does not read. */
        return open(device, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

void sv_event_open(const struct sv_machine *machine)
{
        const struct sv_machine *m = sv_machine_of(machine);
        SV_STR ports = sv_machine_path(m, "/sys/class/virtio-ports");
        DIR *dir = opendir(ports);

        for (struct dirent *e; dir && port < 0 && (e = readdir(dir));)
                if (e->d_name[0] != '.')
                        port = open_port(m, e->d_name);
        if (dir)
                closedir(dir);
}

/* As much as the port takes now; the rest waits for the next event. */
static void write_pending(void)
{
        while (port >= 0 && pending.n) {
                ssize_t n = write(port, pending.p, pending.n);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return;
                memmove(pending.p, pending.p + n, pending.n - (size_t)n);
                pending.n -= (size_t)n;
        }
}

void sv_event_flush(void)
{
        struct pollfd p = {.fd = port, .events = POLLOUT};
        int64_t end = sv_clock_ms() + FLUSH_MS;

        for (write_pending(); port >= 0 && pending.n && sv_clock_ms() < end; write_pending())
                /* When the other end is closed, poll reports POLLHUP at once. */
                if (poll(&p, 1, 100) < 0 || (p.revents & POLLHUP))
                        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
}

static void send_event(struct sv_json *event)
{
        SV_BUF line = SV_BUF_NULL;

        sv_json_set_int(event, "uptime_ms", sv_clock_ms());
        sv_json_print(event, &line);
        sv_buf_puts(&line, "\n");
        /* A host that never reads loses events, nothing else. */
        if (port >= 0 && !line.bad && pending.n + line.n <= PENDING_MAX)
                sv_buf_put(&pending, sv_buf_bytes(&line));
        write_pending();
        sv_json_free(event);
}

void sv_event_print(const char *fmt, ...)
{
        char text[SV_GROUNDS_MAX + 500];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        /* Messages quote what others sent: nothing of it may steer the operator's terminal. */
        sv_make_visible(text, strlen(text), false);
        dprintf(2, "secure-vm-agent: %s\n", text);
}

static struct sv_json *make_event(const char *name, const char *step, const char *state)
{
        struct sv_json *e = sv_json_object();

        sv_json_set_str(e, "event", name);
        if (step)
                sv_json_set_str(e, "step", step);
        if (state)
                sv_json_set_str(e, "state", state);
        return e;
}

void sv_event_time(const char *part, int64_t ms)
{
        if (!timings)
                timings = sv_json_object();
        sv_json_set_int(timings, part, ms);
}

void sv_event_start(const char *step, const char *says)
{
        step_began = sv_clock_ms();
        if (!attest_began && !strcmp(step, "attest"))
                attest_began = step_began;
        send_event(make_event("step", step, "start"));
        if (says)
                sv_event_print("%s: %s", step, says);
}

void sv_event_done(const char *step, const char *says)
{
        struct sv_json *e = make_event("step", step, "done");
        int64_t ms = sv_clock_ms() - step_began;

        sv_event_time(step, ms);
        sv_json_set_int(e, "ms", ms);
        if (says)
                sv_json_set_str(e, "says", says);
        send_event(e);
        sv_event_print("%s: %s (%lld ms)", step, says ? says : "done", (long long)ms);
}

static struct sv_json *make_retry(const char *step, const struct sv_err *err, unsigned in_ms)
{
        struct sv_json *e = make_event("retry", step, NULL);

        sv_json_set_str(e, "check", err->check);
        sv_json_set_str(e, "message", err->msg);
        sv_json_set_int(e, "ms", in_ms);
        return e;
}

void sv_event_next(const char *step, const struct sv_err *err, const char *url)
{
        struct sv_json *e = make_retry(step, err, 0);

        sv_json_set_str(e, "broker", url);
        send_event(e);
        sv_event_print("%s: %s [%s]; the next broker: %s", step, err->msg, err->check, url);
}

void sv_event_retry(const char *step, const struct sv_err *err, unsigned in_ms, unsigned try,
                    unsigned tries)
{
        char of[16] = "";

        send_event(make_retry(step, err, in_ms));
        if (tries)
                snprintf(of, sizeof(of), " of %u", tries);
        sv_event_print("%s: %s [%s]; again in %u ms (try %u%s)", step, err->msg, err->check, in_ms,
                       try, of);
}

void sv_event_failed(const struct sv_err *err)
{
        struct sv_json *e = make_event("failed", NULL, NULL);

        sv_json_set_str(e, "class", sv_class_name(err->class));
        sv_json_set_str(e, "check", err->check);
        sv_json_set_str(e, "message", err->msg);
        /* The host may end the guest as soon as it has the event: the console line goes out
         * first. */
        sv_event_print("FAILED, the disk stays locked: %s [%s] (%s)", err->msg, err->check,
                       sv_class_name(err->class));
        tcdrain(2);
        send_event(e);
}

void sv_event_unlocked(const char *reasons, const char *instance)
{
        struct sv_json *e = make_event("unlocked", NULL, NULL);
        int64_t ms = sv_clock_ms() - (attest_began ? attest_began : step_began);
        SV_BUF line = SV_BUF_NULL;

        sv_json_set_int(e, "ms", ms);
        sv_json_set_str(e, "grounds", reasons);
        if (instance)
                sv_json_set_str(e, "instance", instance);
        if (timings) {
                sv_json_set(e, "timings", sv_json_ref(timings));
                sv_json_print(timings, &line);
        }
        send_event(e);
        if (attest_began)
                sv_event_print("unlocked in %lld ms from the first word to the broker; the key was "
                               "released for these reasons: %s",
                               (long long)ms, reasons);
        else
                sv_event_print("the root is open, without a key: %s", reasons);
        sv_event_print("timings in ms: %s", sv_buf_str(&line));
}
