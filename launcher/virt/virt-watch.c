/* SPDX-License-Identifier: Apache-2.0 */
/* The events of all guests of a connection, with their names. Belongs to launcher/virt/virt.c. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "launcher/virt/virt-int.h"

struct sv_virt_watch {
        struct sv_virt *v;
        struct sv_virt_events *events; /* whole struct sv_virt_happening */
        int callbacks[2];
};
_Static_assert(sizeof(struct sv_virt_happening) <= PIPE_BUF, "written in one piece");

static void queue_happening(struct sv_virt_events *e, virDomainPtr dom, const char *what)
{
        struct sv_virt_happening happening = {.what = what};

        snprintf(happening.name, sizeof(happening.name), "%s", vir.DomainGetName(dom));
        if (write(e->fds[1], &happening, sizeof(happening)) < 0)
                return; /* full: who watches does not read */
}

static const char *name_happening(int event, int detail)
{
        switch (event) {
        case VIR_DOMAIN_EVENT_DEFINED:
                return "defined";
        case VIR_DOMAIN_EVENT_UNDEFINED:
                return "undefined";
        case VIR_DOMAIN_EVENT_STARTED:
                return "running";
        case VIR_DOMAIN_EVENT_SUSPENDED:
                return "paused";
        case VIR_DOMAIN_EVENT_RESUMED:
                return "resumed";
        case VIR_DOMAIN_EVENT_CRASHED:
                return "crashed";
        case VIR_DOMAIN_EVENT_STOPPED:
                return sv_virt_map_event(event, detail) == SV_VIRT_FAILED ? "crashed" : "ended";
        default:
                return NULL;
        }
}

static int on_any_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *arg)
{
        const char *what = name_happening(event, detail);

        if (what)
                queue_happening(arg, dom, what);
        return 0;
}

static void on_any_reboot(virConnectPtr conn, virDomainPtr dom, void *arg)
{
        queue_happening(arg, dom, "rebooting");
}

int sv_virt_watch(struct sv_virt *v, struct sv_virt_watch **out, struct sv_err *err)
{
        struct sv_virt_watch *w = calloc(1, sizeof(*w));

        if (!w)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        w->v = v;
        w->events = sv_virt_make_events(err);
        if (!w->events) {
                free(w);
                return -1;
        }
        w->callbacks[0] = sv_virt_register(v->conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                           VIR_DOMAIN_EVENT_CALLBACK(on_any_lifecycle), w->events);
        w->callbacks[1] = sv_virt_register(v->conn, NULL, VIR_DOMAIN_EVENT_ID_REBOOT,
                                           VIR_DOMAIN_EVENT_CALLBACK(on_any_reboot), w->events);
        if (w->callbacks[0] < 0 || w->callbacks[1] < 0) {
                sv_virt_fail(err, "registering for events");
                sv_virt_watch_end(w);
                return -1;
        }
        *out = w;
        return 0;
}

int sv_virt_watch_fd(const struct sv_virt_watch *w)
{
        return w->events->fds[0];
}

bool sv_virt_watch_next(struct sv_virt_watch *w, struct sv_virt_happening *out)
{
        return read(w->events->fds[0], out, sizeof(*out)) == sizeof(*out);
}

void sv_virt_watch_end(struct sv_virt_watch *w)
{
        for (size_t i = 0; i < 2; i++)
                if (w->callbacks[i] >= 0)
                        vir.ConnectDomainEventDeregisterAny(w->v->conn, w->callbacks[i]);
        sv_virt_drop_events(w->events);
        free(w);
}
