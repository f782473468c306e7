/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/core/text.h"
#include "launcher/keeper/events.h"
#include "launcher/keeper/facts.h"

struct watching {
        const char *only;
        struct sv_virt *v;
        struct sv_json *paused; /* names: libvirt says of each start that it was resumed, too */
        sv_put_event put;
        void *arg;
};

/* The same words as a supervisor's. */
static int pass_happening(struct watching *w, const char *name, const char *what, const char *state,
                          struct sv_err *err)
{
        bool crashed = !strcmp(what, "crashed");
        SV_JSON *e = sv_json_object();
        char when[32];

        sv_json_set_str(e, "guest", name);
        sv_json_set_str(e, "at", sv_format_time(time(NULL), when));
        sv_json_set_str(e, "event", crashed ? "ended" : what);
        if (state)
                sv_json_set_str(e, "state", state);
        if (crashed) {
                sv_json_set_str(e, "check", "launch.crashed");
                sv_json_set_str(e, "message",
                                "QEMU ended by itself, or the guest's kernel panicked");
        }
        return w->put(w->arg, e, err);
}

static int take_happening(struct watching *w, const struct sv_virt_happening *h, struct sv_err *err)
{
        bool resumed = !strcmp(h->what, "resumed");

        if (w->only && strcmp(w->only, h->name))
                return 0;
        if (resumed && !sv_json_bool(sv_json_get(w->paused, h->name), false))
                return 0;
        sv_json_set_bool(w->paused, h->name, !strcmp(h->what, "paused"));
        return pass_happening(w, h->name, h->what, NULL, err);
}

static int note_first_state(void *arg, const char *name, enum sv_virt_state state,
                            struct sv_err *err)
{
        struct watching *w = arg;
        enum sv_life life = sv_facts_life(w->v, state);
        const char *word = sv_life_word(life);

        if ((w->only && strcmp(w->only, name)) || sv_life_is_final(life))
                return 0;
        sv_json_set_bool(w->paused, name, sv_life_is_paused(life));
        return pass_happening(w, name, "state", word ? word : sv_life_word(SV_LIFE_RUNNING), err);
}

static int watch_all(struct watching *w, struct sv_virt_watch *watch, struct sv_err *err)
{
        int r = sv_virt_for_each(w->v, note_first_state, w, err);

        while (r == 0) {
                struct pollfd p = {.fd = sv_virt_watch_fd(watch), .events = POLLIN};
                struct sv_virt_happening h;

                if (!sv_virt_is_alive(w->v))
                        return sv_fail(err, SV_SYSTEM, "virt.open",
                                       "the connection to libvirt has ended");
                poll(&p, 1, 1000);
                while (r == 0 && sv_virt_watch_next(watch, &h))
                        r = take_happening(w, &h, err);
        }
        return r < 0 ? -1 : 0;
}

int sv_events_under_daemon(const char *uri, const char *name, sv_put_event put, void *arg,
                           struct sv_err *err)
{
        SV_JSON *paused = sv_json_object();
        SV_VIRT *v = NULL;
        struct sv_virt_watch *watch = NULL;
        struct watching w = {.only = name, .paused = paused, .put = put, .arg = arg};
        int r;

        if (sv_virt_open(uri, &v, err) < 0 || (name && sv_virt_lookup(v, name, err) < 0) ||
            sv_virt_watch(v, &watch, err) < 0)
                return -1;
        w.v = v;
        r = watch_all(&w, watch, err);
        sv_virt_watch_end(watch);
        return r;
}
