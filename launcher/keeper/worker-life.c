/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's step from one state of the guest's life to the next (launcher/keeper/life.h). */
#include "base/program/log.h"
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

int sv_worker_act(struct sv_worker *w, enum sv_life_action action, struct sv_err *err)
{
        switch (action) {
        case SV_LIFE_SHUT_DOWN:
                return sv_virt_shutdown(w->virt, err);
        case SV_LIFE_END:
                return sv_virt_destroy(w->virt, err);
        case SV_LIFE_START: /* worker.c's, when QEMU has ended */
        case SV_LIFE_NOTHING:
        case SV_LIFE_IMPOSSIBLE:
                break;
        }
        return 0;
}
