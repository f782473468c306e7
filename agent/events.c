#include "agent/events.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

#define PORT_NAME "org.secure-vm.agent"

static int port = -1;
static int64_t step_began;

/* Since the kernel started. */
static int64_t boot_ms(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int port_of(const char *entry)
{
        SV_STR name = sv_asprintf("/sys/class/virtio-ports/%s/name", entry);
        SV_STR device = sv_asprintf("/dev/%s", entry);
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(name, 128, &text, "agent.port", NULL) < 0 || strcmp(sv_buf_str(&text), PORT_NAME "\n") != 0)
                return -1;
        /* Never wait for a host that does not read. */
        return open(device, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

void sv_event_open(void)
{
        DIR *dir = opendir("/sys/class/virtio-ports");

        for (struct dirent *e; dir && port < 0 && (e = readdir(dir));)
                if (e->d_name[0] != '.')
                        port = port_of(e->d_name);
        if (dir)
                closedir(dir);
}

static void send_event(struct sv_json *event)
{
        SV_BUF line = SV_BUF_NULL;

        sv_json_set_int(event, "uptime_ms", boot_ms());
        sv_json_print(event, &line);
        sv_buf_puts(&line, "\n");
        /* A host that does not read loses events, nothing else. */
        if (port >= 0 && !line.bad && write(port, line.p, line.n) < 0)
                port = -1;
        sv_json_free(event);
}

void sv_event_say(const char *fmt, ...)
{
        char text[1200];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        dprintf(2, "secure-vm-agent: %s\n", text);
}

static struct sv_json *step_event(const char *step, const char *state)
{
        struct sv_json *e = sv_json_object();

        sv_json_set_str(e, "event", "step");
        sv_json_set_str(e, "step", step);
        sv_json_set_str(e, "state", state);
        return e;
}

void sv_event_start(const char *step, const char *says)
{
        step_began = boot_ms();
        send_event(step_event(step, "start"));
        if (says)
                sv_event_say("%s: %s", step, says);
}

void sv_event_done(const char *step, const char *says)
{
        struct sv_json *e = step_event(step, "done");
        int64_t ms = boot_ms() - step_began;

        sv_json_set_int(e, "ms", ms);
        send_event(e);
        sv_event_say("%s: %s (%lld ms)", step, says ? says : "done", (long long)ms);
}

/* The host may end the guest as soon as it has the event: what people read must be out by then. */
static void drain_console(void)
{
        tcdrain(2);
}

void sv_event_failed(const struct sv_err *err)
{
        struct sv_json *e = sv_json_object();

        sv_event_say("FAILED, the disk stays locked: %s [%s]", err->msg, err->check);
        drain_console();
        sv_json_set_str(e, "event", "failed");
        sv_json_set_str(e, "class", sv_class_name(err->class));
        sv_json_set_str(e, "check", err->check);
        sv_json_set_str(e, "message", err->msg);
        send_event(e);
}

void sv_event_unlocked(const char *grounds)
{
        struct sv_json *e = sv_json_object();

        sv_json_set_str(e, "event", "unlocked");
        sv_json_set_int(e, "ms", boot_ms());
        sv_json_set_str(e, "grounds", grounds);
        send_event(e);
        sv_event_say("the key was released: %s", grounds);
}
