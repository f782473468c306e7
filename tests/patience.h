/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting in tests for what must come. The seconds are many, as they pass only when a test fails;
 * on a machine that is slower still, SV_TEST_PATIENCE (a number) multiplies them. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE 60u /* seconds, where nothing calls for others */

static inline unsigned test_patience(unsigned seconds)
{
        const char *text = getenv("SV_TEST_PATIENCE");
        double factor = text ? strtod(text, NULL) : 1;

        return (unsigned)(seconds * (factor > 0 ? factor : 1));
}

static inline time_t patience_end(unsigned seconds)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec + (time_t)test_patience(seconds);
}

/* Sleeps for a moment; false when the time is over. */
static inline bool patience_lasts(time_t end)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        return now.tv_sec <= end;
}

/* Waits until the condition holds; the test fails, and says by name what did not come (a format and
 * its arguments), when it does not. For cmocka's tests. */
#define WAIT_UNTIL(condition, seconds, ...)            \
        do {                                           \
                time_t until_ = patience_end(seconds); \
                                                       \
                while (!(condition))                   \
                        if (!patience_lasts(until_))   \
                                fail_msg(__VA_ARGS__); \
        } while (0)
