/* SPDX-License-Identifier: Apache-2.0 */
/* Following a guest: reads its events, prints them as text or JSON lines, and returns when the
 * guest has got as far as was asked, or has failed. */
#pragma once

#include <stdio.h>

#include "base/json/json.h"
#include "launcher/keeper/reader.h"

/* Why the following ended, as this process itself saw it: a check's name may be the guest's own
 * word. */
enum sv_follow_cause {
        SV_FOLLOW_SAID, /* what an event or a status says, or a limit of time */
        SV_FOLLOW_INTERRUPTED,
        SV_FOLLOW_SUPERVISOR_GONE,
        SV_FOLLOW_NOT_DOWN /* in the time that `down` gives */
};

struct sv_follow {
        int fd;    /* the supervisor's events; not used with `reader` */
        bool wait; /* until the guest has its disk; else until it runs */
        bool end;  /* until it has ended, whatever comes before */
        bool now;  /* the state that it has already counts: the answer to SV_CONTROL_EVENTS */
        /* what a guest's agent itself says, instead of a supervisor's events; NULL: those */
        struct sv_reader *reader;
        /* a supervisor's: say "commit" when the guest runs, from where on it lives without this
         * process. Meanwhile signals that ask the process to end stop the following instead. */
        bool commit;
        bool bound;       /* interrupted, this process ends the guest, also a committed one */
        unsigned timeout; /* seconds; 0: none */
        /* Seconds until it has shut down ("rebooting"), when that comes first; 0: it does not. Only
         * then `timeout` begins. reboot.timeout */
        unsigned down;
        FILE *events;  /* JSON lines; NULL: none */
        bool quiet;    /* print no text lines */
        int64_t began; /* set by sv_follow, as the next */
        char awaited[96];
        /* out */
        enum sv_follow_cause cause;
        bool committed;     /* "commit" was said */
        char reasons[1024]; /* why the key was released */
        char instance[33];  /* who it is at the broker, which has its disk's lease; "": not said */
        /* name to milliseconds, as the agent says; NULL: it did not. The caller frees */
        struct sv_json *timings;
};

/* 0 when reached. The failed check with its own class when the guest or its supervisor says one;
 * launch.timeout, launch.ended, launch.interrupted. */
int sv_follow_events(struct sv_follow *f, struct sv_err *err);
/* Is a guest with this status where f wants it? 1, or 0 when that may still come. -1 as above when
 * it will not: `over` says that nothing of it runs, else wait.ended. */
int sv_follow_judge(struct sv_follow *f, const struct sv_json *status, bool over,
                    struct sv_err *err);
