/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's life under our own supervisor: states, what happens to it, and what follows. The worker
 * holds the state; status.json prints it. Pure. */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"

enum sv_life {
        SV_LIFE_STARTING, /* nothing of it runs yet */
        SV_LIFE_RUNNING,  /* QEMU runs */
        SV_LIFE_UNLOCKED, /* its agent has opened the disk */
        /* Its virtual CPUs stand; memory, key and devices stay: with the disk open, or without */
        SV_LIFE_PAUSED_OPEN,
        SV_LIFE_PAUSED,
        SV_LIFE_REFUSED,    /* its agent gave up, and will power it off */
        SV_LIFE_GOING_DOWN, /* it was asked to shut down, and will be started again */
        SV_LIFE_REBOOTING,  /* its QEMU is being ended, and will be started again */
        SV_LIFE_STOPPING,   /* it was asked to shut down: from now on no end of it is a failure */
        SV_LIFE_STOPPED,    /* final */
        SV_LIFE_FAILED,     /* final */
        /* final, and never a worker's own state: the supervisor was killed before it wrote an end
         */
        SV_LIFE_KILLED,
        SV_LIFE_STATES
};

enum sv_life_event {
        SV_LIFE_STARTED,     /* a start, the first or a later one, is complete */
        SV_LIFE_UNLOCK,      /* the agent: the disk is open */
        SV_LIFE_REFUSE,      /* the agent: it failed */
        SV_LIFE_RESET,       /* the guest reset itself */
        SV_LIFE_ASK_REBOOT,  /* a command: reboot */
        SV_LIFE_ASK_RESET,   /* a command: reset */
        SV_LIFE_ASK_STOP,    /* a command: stop */
        SV_LIFE_ASK_DESTROY, /* a command: destroy */
        SV_LIFE_OFF,         /* QEMU ended in order */
        SV_LIFE_LOST,        /* QEMU ended by itself, or libvirt lost it */
        SV_LIFE_PANIC,       /* the guest's kernel panicked */
        SV_LIFE_FAULT,       /* a step of the supervisor's own failed */
        SV_LIFE_ABANDON,     /* the launcher went before it had said "commit" */
        SV_LIFE_ORPHAN,      /* the guard process was killed */
        SV_LIFE_ASK_PAUSE,   /* a command: pause */
        SV_LIFE_ASK_RESUME,  /* a command: resume */
        SV_LIFE_HALT,        /* libvirt: its virtual CPUs stand, asked for or not */
        SV_LIFE_GO_ON,       /* libvirt: they run again */
        SV_LIFE_EVENTS
};

/* What the worker has to do with the guest's QEMU when a state follows. */
enum sv_life_action {
        SV_LIFE_IMPOSSIBLE, /* this does not happen in this state; the state stays */
        SV_LIFE_NOTHING,
        SV_LIFE_SHUT_DOWN, /* press its power button */
        SV_LIFE_END,       /* end it now; no error when it has ended */
        SV_LIFE_START,     /* it has ended: start it again */
        SV_LIFE_PAUSE,     /* stop its virtual CPUs */
        SV_LIFE_RESUME,    /* let them go on */
        SV_LIFE_WAKE,      /* let them go on, and press its power button */
};

/* *life becomes the state that follows. */
enum sv_life_action sv_life_follow(enum sv_life *life, enum sv_life_event event);
/* May a command ask for this in this state? What it may not has its reason: SV_SYSTEM state.paused,
 * state.running, state.off, or state.changing while it starts or goes down. */
int sv_life_check(enum sv_life life, enum sv_life_event event, const char *name,
                  struct sv_err *err);
/* Nothing of the guest will run any more. */
bool sv_life_is_final(enum sv_life life);
/* "state" of status.json. NULL for a state that it does not show: the state before stays there. */
const char *sv_life_word(enum sv_life life);
/* The state with this word; SV_LIFE_STARTING when there is none. */
enum sv_life sv_life_from_word(const char *word);
bool sv_life_is_paused(enum sv_life life);
/* Is its QEMU at work in the state with this word? */
bool sv_life_runs(const char *word);
/* For logs. */
const char *sv_life_name(enum sv_life life);
const char *sv_life_event_name(enum sv_life_event event);
