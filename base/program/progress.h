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
};

void sv_progress_begin(struct sv_progress_line *l, const char *what);
/* Takes the line away. */
void sv_progress_end(struct sv_progress_line *l);
/* "encrypting: 1.2 GiB of 2 GiB, 431 MiB/s, 2 s left" */
void sv_progress_format(struct sv_buf *out, const char *what, uint64_t done, uint64_t total,
                        int64_t ms);
