/* SPDX-License-Identifier: Apache-2.0 */
/* How far a command has come, for who waits: on a terminal one line that changes, elsewhere a line
 * now and then. Nothing is said of what ends within two seconds. */
#pragma once

#include "base/core/buf.h"
#include "base/core/source.h"

struct sv_progress_line {
        struct sv_progress progress; /* to hand to who does the work */
        const char *what;            /* "encrypting" */
        int64_t begun, said;         /* sv_clock_ms */
        uint64_t last;
        /* Where it was some seconds ago: the rate is measured from the first of the two. */
        struct {
                int64_t at;
                uint64_t done;
        } marks[2];
};

void sv_progress_begin(struct sv_progress_line *l, const char *what);
/* Takes the line away. */
void sv_progress_end(struct sv_progress_line *l);
/* Bytes in a millisecond, over the last seconds; 0 while too little is done to tell. */
double sv_progress_rate(struct sv_progress_line *l, uint64_t done, uint64_t total, int64_t now);
/* "encrypting: 1.2 GiB of 2 GiB, 431 MiB/s, 2 s left"; without a rate no more than how much. */
void sv_progress_format(struct sv_buf *out, const char *what, uint64_t done, uint64_t total,
                        double rate);
