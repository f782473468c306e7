/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's step from one state of the guest's life to the next (launcher/keeper/life.h). */
#include <time.h>

#include "base/program/log.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/worker-int.h"

enum sv_life_action sv_worker_note_event(struct sv_worker *w, enum sv_life_event event)
{
        enum sv_life_action action = sv_life_follow(&w->life, event);
        const char *word = sv_life_word(w->life);

        if (action == SV_LIFE_IMPOSSIBLE)
                sv_warn("\"%s\" was not expected while \"%s\"; it is ignored",
                        sv_life_event_name(event), sv_life_name(w->life));
        else if (word)
                sv_json_set_str(w->status, "state", word);
        return action;
}

/* Says so to whom it concerns, once, when the virtual CPUs stand or go on. */
void sv_worker_tell_pause(struct sv_worker *w, enum sv_life before, const char *reason)
{
        bool paused = sv_life_is_paused(w->life);
        struct sv_json *e;

        if (paused == sv_life_is_paused(before) || sv_life_is_final(w->life))
                return;
        e = sv_json_object();
        sv_json_set_str(e, "event", paused ? "paused" : "resumed");
        if (paused)
                sv_json_set_str(e, "reason", reason);
        sv_json_set_str(w->status, "paused_for", paused ? reason : NULL);
        if (paused)
                sv_json_set_int(w->status, "paused", time(NULL));
        sv_worker_save_status(w);
        sv_worker_send_event(w, e);
}

int sv_worker_ask(struct sv_worker *w, enum sv_life_event event, struct sv_err *err)
{
        enum sv_life before = w->life;
        enum sv_life_action action;

        if (sv_life_check(before, event, w->work->guest->name, err) < 0)
                return -1;
        action = sv_worker_note_event(w, event);
        if (sv_worker_act(w, action, err) == 0) {
                sv_worker_tell_pause(w, before, "asked");
                return 0;
        }
        /* libvirt refused, and nothing has changed */
        if (action == SV_LIFE_PAUSE || action == SV_LIFE_RESUME || action == SV_LIFE_WAKE) {
                w->life = before;
                sv_json_set_str(w->status, "state", sv_life_word(before));
        }
        return -1;
}

int64_t sv_worker_find_press(const struct sv_worker *w, int64_t now)
{
        int64_t left = w->pressed + SV_PRESS_SECONDS * 1000 - now;

        if (w->life != SV_LIFE_GOING_DOWN)
                return -1;
        return left > 0 ? left : 0;
}

int64_t sv_worker_find_end(const struct sv_worker *w, int64_t now)
{
        int64_t left = w->off + SV_QEMU_END_SECONDS * 1000 - now;

        if (!w->off)
                return -1;
        return left > 0 ? left : 0;
}

int sv_worker_act(struct sv_worker *w, enum sv_life_action action, struct sv_err *err)
{
        switch (action) {
        case SV_LIFE_SHUT_DOWN:
                w->pressed = sv_worker_elapsed(w);
                return sv_virt_shutdown(w->virt, err);
        case SV_LIFE_END:
                return sv_virt_destroy(w->virt, err);
        case SV_LIFE_PAUSE:
                return sv_virt_pause(w->virt, err);
        case SV_LIFE_RESUME:
                return sv_virt_resume(w->virt, err);
        case SV_LIFE_WAKE:
                w->pressed = sv_worker_elapsed(w);
                return sv_virt_resume(w->virt, err) < 0 ? -1 : sv_virt_shutdown(w->virt, err);
        case SV_LIFE_START: /* worker.c's, when QEMU has ended */
        case SV_LIFE_NOTHING:
        case SV_LIFE_IMPOSSIBLE:
                break;
        }
        return 0;
}
