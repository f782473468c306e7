/* SPDX-License-Identifier: Apache-2.0 */
/* Several things that are timed beside each other: in turn, round after round, by the processor
 * time of this thread, so that what else the machine does hits all of them alike. Each is worth its
 * best round. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

struct bench_row {
        const char *name;
        void (*once)(void *arg);
        void *arg;
        double best; /* microseconds of one call; filled */
};

static inline double bench_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline void bench_run(struct bench_row *rows, unsigned n, unsigned rounds, unsigned calls)
{
        for (unsigned round = 0; round < rounds; round++)
                for (unsigned i = 0; i < n; i++) {
                        double began = bench_now(), took;

                        for (unsigned k = 0; k < calls; k++)
                                rows[i].once(rows[i].arg);
                        took = (bench_now() - began) / calls;
                        if (!round || took < rows[i].best)
                                rows[i].best = took;
                }
}

/* Prints one ratio beside its limit; false when it is above. */
static inline bool bench_ratio(const struct bench_row *a, const struct bench_row *b, double limit)
{
        double ratio = a->best / b->best;

        printf("%-52s %8.1f us  %5.2f x %-36s (%.1f us), limit %.2f%s\n", a->name, a->best, ratio,
               b->name, b->best, limit, ratio > limit ? "  MISSED" : "");
        return ratio <= limit;
}
