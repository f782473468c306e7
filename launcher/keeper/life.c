/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/life.h"

#include <stddef.h>
#include <string.h>

/* State, event, action, next state. What is not here is impossible. The agent is the guest's:
 * whatever it says, and in whatever order, has a row while QEMU runs. The control socket is served
 * until the worker ends, so that requests have rows in the final states too. */
#define ROW(life, event, action, next)                                            \
        {                                                                         \
                SV_LIFE_##life, SV_LIFE_##event, SV_LIFE_##action, SV_LIFE_##next \
        }
static const struct {
        enum sv_life life;
        enum sv_life_event event;
        enum sv_life_action action;
        enum sv_life next;
} steps[] = {
        /* The worker is inside its first start: it reads no messages until that is over. */
        ROW(STARTING, STARTED, NOTHING, RUNNING),
        ROW(STARTING, FAULT, NOTHING, FAILED),
        ROW(RUNNING, UNLOCK, NOTHING, UNLOCKED),
        ROW(RUNNING, REFUSE, NOTHING, REFUSED),
        ROW(RUNNING, RESET, END, REBOOTING),
        ROW(RUNNING, ASK_REBOOT, SHUT_DOWN, GOING_DOWN),
        ROW(RUNNING, ASK_RESET, END, REBOOTING),
        ROW(RUNNING, ASK_STOP, SHUT_DOWN, STOPPING),
        ROW(RUNNING, ASK_DESTROY, END, STOPPED),
        ROW(RUNNING, OFF, NOTHING, STOPPED),
        ROW(RUNNING, LOST, NOTHING, FAILED),
        ROW(RUNNING, PANIC, NOTHING, FAILED),
        ROW(RUNNING, FAULT, NOTHING, FAILED),
        ROW(RUNNING, ABANDON, NOTHING, FAILED),
        ROW(RUNNING, ORPHAN, NOTHING, FAILED),
        ROW(RUNNING, ASK_PAUSE, PAUSE, PAUSED),
        ROW(RUNNING, HALT, NOTHING, PAUSED),
        ROW(RUNNING, GO_ON, NOTHING, RUNNING),
        ROW(UNLOCKED, UNLOCK, NOTHING, UNLOCKED),
        ROW(UNLOCKED, REFUSE, NOTHING, REFUSED),
        ROW(UNLOCKED, RESET, END, REBOOTING),
        ROW(UNLOCKED, ASK_REBOOT, SHUT_DOWN, GOING_DOWN),
        ROW(UNLOCKED, ASK_RESET, END, REBOOTING),
        ROW(UNLOCKED, ASK_STOP, SHUT_DOWN, STOPPING),
        ROW(UNLOCKED, ASK_DESTROY, END, STOPPED),
        ROW(UNLOCKED, OFF, NOTHING, STOPPED),
        ROW(UNLOCKED, LOST, NOTHING, FAILED),
        ROW(UNLOCKED, PANIC, NOTHING, FAILED),
        ROW(UNLOCKED, FAULT, NOTHING, FAILED),
        ROW(UNLOCKED, ABANDON, NOTHING, FAILED),
        ROW(UNLOCKED, ORPHAN, NOTHING, FAILED),
        ROW(UNLOCKED, ASK_PAUSE, PAUSE, PAUSED_OPEN),
        ROW(UNLOCKED, HALT, NOTHING, PAUSED_OPEN),
        ROW(UNLOCKED, GO_ON, NOTHING, UNLOCKED),
        /* It hears no power button, and one that was refused powers nothing off. What its agent
         * said before may be read only now. */
        ROW(PAUSED, UNLOCK, NOTHING, PAUSED_OPEN),
        ROW(PAUSED, REFUSE, END, REFUSED),
        ROW(PAUSED, RESET, END, REBOOTING),
        ROW(PAUSED, ASK_REBOOT, WAKE, GOING_DOWN),
        ROW(PAUSED, ASK_RESET, END, REBOOTING),
        ROW(PAUSED, ASK_STOP, WAKE, STOPPING),
        ROW(PAUSED, ASK_DESTROY, END, STOPPED),
        ROW(PAUSED, OFF, NOTHING, STOPPED),
        ROW(PAUSED, LOST, NOTHING, FAILED),
        ROW(PAUSED, PANIC, NOTHING, FAILED),
        ROW(PAUSED, FAULT, NOTHING, FAILED),
        ROW(PAUSED, ABANDON, NOTHING, FAILED),
        ROW(PAUSED, ORPHAN, NOTHING, FAILED),
        ROW(PAUSED, ASK_RESUME, RESUME, RUNNING),
        ROW(PAUSED, HALT, NOTHING, PAUSED),
        ROW(PAUSED, GO_ON, NOTHING, RUNNING),
        ROW(PAUSED_OPEN, UNLOCK, NOTHING, PAUSED_OPEN),
        ROW(PAUSED_OPEN, REFUSE, END, REFUSED),
        ROW(PAUSED_OPEN, RESET, END, REBOOTING),
        ROW(PAUSED_OPEN, ASK_REBOOT, WAKE, GOING_DOWN),
        ROW(PAUSED_OPEN, ASK_RESET, END, REBOOTING),
        ROW(PAUSED_OPEN, ASK_STOP, WAKE, STOPPING),
        ROW(PAUSED_OPEN, ASK_DESTROY, END, STOPPED),
        ROW(PAUSED_OPEN, OFF, NOTHING, STOPPED),
        ROW(PAUSED_OPEN, LOST, NOTHING, FAILED),
        ROW(PAUSED_OPEN, PANIC, NOTHING, FAILED),
        ROW(PAUSED_OPEN, FAULT, NOTHING, FAILED),
        ROW(PAUSED_OPEN, ABANDON, NOTHING, FAILED),
        ROW(PAUSED_OPEN, ORPHAN, NOTHING, FAILED),
        ROW(PAUSED_OPEN, ASK_RESUME, RESUME, UNLOCKED),
        ROW(PAUSED_OPEN, HALT, NOTHING, PAUSED_OPEN),
        ROW(PAUSED_OPEN, GO_ON, NOTHING, UNLOCKED),
        /* However it ends now, the agent's reason is why. */
        ROW(REFUSED, UNLOCK, NOTHING, REFUSED),
        ROW(REFUSED, REFUSE, NOTHING, REFUSED),
        ROW(REFUSED, RESET, END, REBOOTING),
        ROW(REFUSED, ASK_REBOOT, END, REBOOTING),
        ROW(REFUSED, ASK_RESET, END, REBOOTING),
        ROW(REFUSED, ASK_STOP, SHUT_DOWN, REFUSED),
        ROW(REFUSED, ASK_DESTROY, END, FAILED),
        ROW(REFUSED, OFF, NOTHING, FAILED),
        ROW(REFUSED, LOST, NOTHING, FAILED),
        ROW(REFUSED, PANIC, NOTHING, FAILED),
        ROW(REFUSED, FAULT, NOTHING, FAILED),
        ROW(REFUSED, ABANDON, NOTHING, FAILED),
        ROW(REFUSED, ORPHAN, NOTHING, FAILED),
        ROW(REFUSED, HALT, NOTHING, REFUSED),
        ROW(REFUSED, GO_ON, NOTHING, REFUSED),
        /* Its disk is in use: it ends when it has written everything back. */
        ROW(GOING_DOWN, UNLOCK, NOTHING, GOING_DOWN),
        ROW(GOING_DOWN, REFUSE, NOTHING, GOING_DOWN),
        ROW(GOING_DOWN, RESET, END, REBOOTING),
        ROW(GOING_DOWN, ASK_REBOOT, SHUT_DOWN, GOING_DOWN),
        ROW(GOING_DOWN, ASK_RESET, END, REBOOTING),
        ROW(GOING_DOWN, ASK_STOP, SHUT_DOWN, STOPPING),
        ROW(GOING_DOWN, ASK_DESTROY, END, STOPPED),
        ROW(GOING_DOWN, OFF, START, REBOOTING),
        ROW(GOING_DOWN, LOST, START, REBOOTING),
        ROW(GOING_DOWN, PANIC, NOTHING, FAILED),
        ROW(GOING_DOWN, FAULT, NOTHING, FAILED),
        ROW(GOING_DOWN, ABANDON, NOTHING, FAILED),
        ROW(GOING_DOWN, ORPHAN, NOTHING, FAILED),
        ROW(GOING_DOWN, HALT, NOTHING, GOING_DOWN),
        ROW(GOING_DOWN, GO_ON, NOTHING, GOING_DOWN),
        /* What the agent says here is of the run that is over. */
        ROW(REBOOTING, STARTED, NOTHING, RUNNING),
        ROW(REBOOTING, UNLOCK, NOTHING, REBOOTING),
        ROW(REBOOTING, REFUSE, NOTHING, REBOOTING),
        ROW(REBOOTING, RESET, END, REBOOTING),
        ROW(REBOOTING, ASK_REBOOT, END, REBOOTING),
        ROW(REBOOTING, ASK_RESET, END, REBOOTING),
        ROW(REBOOTING, ASK_STOP, END, STOPPING),
        ROW(REBOOTING, ASK_DESTROY, END, STOPPED),
        ROW(REBOOTING, OFF, START, REBOOTING),
        ROW(REBOOTING, LOST, START, REBOOTING),
        ROW(REBOOTING, PANIC, NOTHING, FAILED),
        ROW(REBOOTING, FAULT, NOTHING, FAILED),
        ROW(REBOOTING, ABANDON, NOTHING, FAILED),
        ROW(REBOOTING, ORPHAN, NOTHING, FAILED),
        ROW(REBOOTING, HALT, NOTHING, REBOOTING),
        ROW(REBOOTING, GO_ON, NOTHING, REBOOTING),
        /* A guest that resets instead of shutting down is ended. */
        ROW(STOPPING, UNLOCK, NOTHING, STOPPING),
        ROW(STOPPING, REFUSE, NOTHING, STOPPING),
        ROW(STOPPING, RESET, END, STOPPING),
        ROW(STOPPING, ASK_REBOOT, END, STOPPING),
        ROW(STOPPING, ASK_RESET, END, STOPPING),
        ROW(STOPPING, ASK_STOP, SHUT_DOWN, STOPPING),
        ROW(STOPPING, ASK_DESTROY, END, STOPPED),
        ROW(STOPPING, OFF, NOTHING, STOPPED),
        ROW(STOPPING, LOST, NOTHING, STOPPED),
        ROW(STOPPING, PANIC, NOTHING, FAILED),
        ROW(STOPPING, FAULT, NOTHING, FAILED),
        ROW(STOPPING, ABANDON, NOTHING, FAILED),
        ROW(STOPPING, ORPHAN, NOTHING, FAILED),
        ROW(STOPPING, HALT, NOTHING, STOPPING),
        ROW(STOPPING, GO_ON, NOTHING, STOPPING),
        ROW(STOPPED, ASK_REBOOT, NOTHING, STOPPED),
        ROW(STOPPED, ASK_RESET, NOTHING, STOPPED),
        ROW(STOPPED, ASK_STOP, NOTHING, STOPPED),
        ROW(STOPPED, ASK_DESTROY, NOTHING, STOPPED),
        ROW(FAILED, ASK_REBOOT, NOTHING, FAILED),
        ROW(FAILED, ASK_RESET, NOTHING, FAILED),
        ROW(FAILED, ASK_STOP, NOTHING, FAILED),
        ROW(FAILED, ASK_DESTROY, NOTHING, FAILED),
};

static const char *const names[SV_LIFE_STATES] = {
        "starting",   "running",   "unlocked", "paused",  "paused", "refused",
        "going down", "rebooting", "stopping", "stopped", "failed", "killed",
};

static const char *const event_names[SV_LIFE_EVENTS] = {
        "started", "unlock",  "refuse", "reset",  "reboot", "ask reset",
        "stop",    "destroy", "off",    "lost",   "panic",  "fault",
        "abandon", "orphan",  "pause",  "resume", "halt",   "go on",
};

enum sv_life_action sv_life_follow(enum sv_life *life, enum sv_life_event event)
{
        for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
                if (steps[i].life == *life && steps[i].event == event) {
                        *life = steps[i].next;
                        return steps[i].action;
                }
        return SV_LIFE_IMPOSSIBLE;
}

static bool has_step(enum sv_life life, enum sv_life_event event)
{
        return sv_life_follow(&life, event) != SV_LIFE_IMPOSSIBLE;
}

int sv_life_check(enum sv_life life, enum sv_life_event event, const char *name, struct sv_err *err)
{
        if (has_step(life, event))
                return 0;
        if (sv_life_is_final(life))
                return sv_fail(err, SV_SYSTEM, "state.off",
                               "guest %s does not run (%s); \"secure-vm launch\" starts it", name,
                               sv_life_name(life));
        if (sv_life_is_paused(life))
                return sv_fail(err, SV_SYSTEM, "state.paused",
                               "guest %s is paused already; \"secure-vm resume %s\" lets it go on",
                               name, name);
        if (life == SV_LIFE_RUNNING || life == SV_LIFE_UNLOCKED)
                return sv_fail(err, SV_SYSTEM, "state.running",
                               "guest %s runs, and a paused one was expected; \"secure-vm show "
                               "%s\" says more",
                               name, name);
        return sv_fail(err, SV_SYSTEM, "state.changing",
                       "guest %s is %s, and a running or paused one was expected; \"secure-vm wait "
                       "%s\" waits",
                       name, sv_life_name(life), name);
}

bool sv_life_is_paused(enum sv_life life)
{
        return life == SV_LIFE_PAUSED || life == SV_LIFE_PAUSED_OPEN;
}

bool sv_life_is_final(enum sv_life life)
{
        return life == SV_LIFE_STOPPED || life == SV_LIFE_FAILED || life == SV_LIFE_KILLED;
}

const char *sv_life_word(enum sv_life life)
{
        switch (life) {
        case SV_LIFE_REFUSED:
                return names[SV_LIFE_FAILED];
        case SV_LIFE_GOING_DOWN:
        case SV_LIFE_REBOOTING:
        case SV_LIFE_STOPPING:
                return NULL;
        default:
                return names[life];
        }
}

enum sv_life sv_life_from_word(const char *word)
{
        for (int i = SV_LIFE_STATES - 1; word && i >= 0; i--) {
                const char *known = sv_life_word((enum sv_life)i);

                if (known && !strcmp(known, word))
                        return (enum sv_life)i;
        }
        return SV_LIFE_STARTING;
}

bool sv_life_runs(const char *word)
{
        enum sv_life life = sv_life_from_word(word);

        return life == SV_LIFE_RUNNING || life == SV_LIFE_UNLOCKED;
}

const char *sv_life_name(enum sv_life life)
{
        return names[life];
}

const char *sv_life_event_name(enum sv_life_event event)
{
        return event_names[event];
}
