/* SPDX-License-Identifier: Apache-2.0 */
/* A boot as bars, one line a step, from the "steps" of a guest's status. Pure. */
#pragma once

#include "base/json/json.h"

struct sv_timeline_bar {
        const char *name;
        bool guests;        /* by its own word */
        int64_t begin, end; /* milliseconds since the supervisor began */
};
/* Calls `put` for each step that has ended, and for the time before the agent's first word; each
 * bar lies within the boot, whatever a guest's numbers are. */
void sv_timeline_each(const struct sv_json *steps,
                      void (*put)(void *arg, const struct sv_timeline_bar *bar,
                                  const struct sv_timeline_bar *boot),
                      void *arg);
/* Appends a line for each step that has ended: its name, how long it took, and when, as a bar in
 * `width` columns that stand for the whole boot. Nothing when there are no steps. Steps are in part
 * the guest's own words: whatever its numbers are, a bar stays in its columns. */
void sv_timeline_put(const struct sv_json *steps, size_t width, struct sv_buf *out);
