/* SPDX-License-Identifier: Apache-2.0 */
/* Following a guest's start: reads its events, prints them as text or JSON lines, and returns when
 * the guest has got as far as was asked, or has failed. */
#pragma once

#include <stdio.h>

#include "base/json/json.h"
#include "launcher/keeper/reader.h"

struct sv_follow {
        int fd;    /* the supervisor's events; not used with `reader` */
        bool wait; /* until the guest has its disk; else until it runs */
        /* what a guest's agent itself says, instead of a supervisor's events; NULL: those */
        struct sv_reader *reader;
        /* a supervisor's: say "commit" when that is reached, and wait for the answer */
        bool commit;
        unsigned timeout; /* seconds; 0: none */
        /* Seconds until it has shut down ("rebooting"), when that comes first; 0: it does not. Only
         * then `timeout` begins. reboot.timeout */
        unsigned down;
        FILE *events;  /* JSON lines; NULL: none */
        bool quiet;    /* print no text lines */
        int64_t began; /* set by sv_follow */
        /* out */
        char reasons[1024]; /* why the key was released */
        /* name to milliseconds, as the agent says; NULL: it did not. The caller frees */
        struct sv_json *timings;
};

/* 0 when reached. The failed check with its own class when the guest or its supervisor says one;
 * launch.timeout, launch.ended. */
int sv_follow_events(struct sv_follow *f, struct sv_err *err);
