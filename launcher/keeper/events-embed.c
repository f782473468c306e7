/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/events.h"

#define LOOK_MS 500 /* between looks for guests that were launched meanwhile */

/* A supervisor that is heard. */
struct heard {
        char *name;
        int fd;
        bool launched; /* while we listened: the steps that it has taken are news */
        bool ended;    /* it said so */
        struct sv_lines lines;
};

struct hearing {
        const char *only; /* this guest, or NULL */
        bool began;       /* the guests of the beginning are all heard */
        struct heard *guests;
        size_t n;
        sv_put_event put;
        void *arg;
};

static void end_heard(struct heard *h)
{
        close(h->fd);
        free(h->name);
        sv_lines_free(&h->lines);
}

static void end_hearing(struct hearing *h)
{
        for (size_t i = 0; i < h->n; i++)
                end_heard(&h->guests[i]);
        free(h->guests);
}

static int pass_event(struct hearing *h, const char *name, const struct sv_json *event,
                      struct sv_err *err)
{
        SV_JSON *e = sv_json_object();
        char when[32];

        sv_json_set_str(e, "guest", name);
        sv_json_set_str(e, "at", sv_format_time(time(NULL), when));
        sv_json_set_all(e, event);
        return h->put(h->arg, e, err);
}

static int pass_named_event(struct hearing *h, const char *name, const char *what,
                            const char *state, struct sv_err *err)
{
        SV_JSON *e = sv_json_object();

        sv_json_set_str(e, "event", what);
        sv_json_set_str(e, "state", state);
        return pass_event(h, name, e, err);
}

/* The first answer: how it is, and what it has done since it was launched. */
static int pass_status(struct hearing *h, const struct heard *g, const struct sv_json *status,
                       struct sv_err *err)
{
        const struct sv_json *steps = sv_json_get(status, "steps");
        int r = 0;

        for (size_t i = 0; g->launched && r == 0 && i < sv_json_len(steps); i++)
                r = pass_event(h, g->name, sv_json_at(steps, i), err);
        return r ? r
                 : pass_named_event(h, g->name, "state", sv_json_text(status, "state", "-"), err);
}

static int take_supervisor_line(struct hearing *h, struct heard *g, const struct sv_buf *line,
                                struct sv_err *err)
{
        SV_JSON *e = NULL;

        if (sv_json_parse(sv_buf_bytes(line), "control.event", &e, err) < 0)
                return -1;
        if (sv_json_get(e, "status"))
                return pass_status(h, g, sv_json_get(e, "status"), err);
        g->ended |= !strcmp(sv_json_text(e, "event", ""), "ended");
        return pass_event(h, g->name, e, err);
}

/* *gone: nothing more comes. */
static int hear_guest(struct hearing *h, struct heard *g, bool *gone, struct sv_err *err)
{
        SV_BUF line = SV_BUF_NULL;
        char chunk[4096];
        ssize_t n = recv(g->fd, chunk, sizeof(chunk), 0);
        int r = 0;

        *gone = n <= 0;
        if (n <= 0)
                return g->ended ? 0 : pass_named_event(h, g->name, "ended", "killed", err);
        sv_lines_put(&g->lines, sv_bytes(chunk, (size_t)n));
        while (r == 0 && sv_lines_next(&g->lines, &line))
                r = take_supervisor_line(h, g, &line, err);
        return r;
}

static int hear_all(struct hearing *h, struct sv_err *err)
{
        struct pollfd *p = calloc(h->n + 1, sizeof(*p));
        int r = 0;

        if (!p)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        for (size_t i = 0; i < h->n; i++)
                p[i] = (struct pollfd){.fd = h->guests[i].fd, .events = POLLIN};
        poll(p, h->n, LOOK_MS);
        for (size_t i = h->n; r == 0 && i-- > 0;) {
                bool gone = false;

                if (p[i].revents)
                        r = hear_guest(h, &h->guests[i], &gone, err);
                if (gone) {
                        end_heard(&h->guests[i]);
                        h->guests[i] = h->guests[--h->n];
                }
        }
        free(p);
        return r;
}

static bool is_heard(const struct hearing *h, const char *name)
{
        for (size_t i = 0; i < h->n; i++)
                if (!strcmp(h->guests[i].name, name))
                        return true;
        return false;
}

static int hear_new_guest(void *arg, const struct sv_state *s, const struct sv_json *status,
                          struct sv_err *err)
{
        struct hearing *h = arg;
        struct heard *more;
        SV_BUF ask = SV_BUF_NULL;
        int fd;

        if ((h->only && strcmp(h->only, s->name)) || is_heard(h, s->name))
                return 0;
        fd = sv_client_connect(s, NULL);
        if (fd < 0)
                return 0; /* it does not run */
        sv_control_print(SV_CONTROL_EVENTS, &ask);
        more = realloc(h->guests, (h->n + 1) * sizeof(*more));
        h->guests = more ? more : h->guests;
        if (!more || sv_fd_write(fd, "the guest's supervisor", sv_buf_bytes(&ask), NULL) < 0) {
                close(fd);
                return 0;
        }
        h->guests[h->n++] =
                (struct heard){.name = sv_asprintf("%s", s->name), .fd = fd, .launched = h->began};
        return 0;
}

int sv_events_embedded(const char *uri, const char *name, sv_put_event put, void *arg,
                       struct sv_err *err)
{
        __attribute__((cleanup(end_hearing))) struct hearing h = {
                .only = name, .put = put, .arg = arg};
        SV_STATE s = {.lock = -1};
        int r = 0;

        if (name && sv_client_find(name, &s, err) < 0)
                return -1;
        while (r == 0) {
                if (sv_state_for_each(hear_new_guest, &h, err) < 0)
                        return -1;
                h.began = true;
                r = hear_all(&h, err);
        }
        return r < 0 ? -1 : 0;
}
