/* SPDX-License-Identifier: Apache-2.0 */
/* The watch: a process that waits for the guard's death while the worker cannot.
 *
 * The worker starts a guest in calls of libvirt that block for seconds. If the guard is killed
 * meanwhile, the watch kills the worker, with all its threads and whatever locks they hold, and
 * cleans up. It ends when the start is over. */
#pragma once

#include <sys/types.h>

#include "launcher/keeper/state.h"

struct sv_watch {
        pid_t pid; /* 0: none */
        int fd;
};

/* `guard` hangs up when the guard dies; `launch` is the launcher's socket, which the watch closes.
 * Call it before the worker has threads. Without a watch (no process or pipe could be had) the
 * worker still checks the guard between its steps. */
void sv_watch_start(const struct sv_state *s, int guard, int launch, struct sv_watch *out);
/* The start is over. */
void sv_watch_end(struct sv_watch *w);
