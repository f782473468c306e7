/* SPDX-License-Identifier: Apache-2.0 */
/* While the worker starts a guest it is inside libvirt for seconds, and cannot see that its guard
 * was killed. Somebody else looks, for as long as the start takes: a process, because what it ends
 * must be all of the worker, whatever the worker's threads hold. */
#pragma once

#include <sys/types.h>

#include "launcher/keeper/state.h"

struct sv_watch {
        pid_t pid; /* 0: none */
        int fd;
};

/* `guard` hangs up when the guard dies; `launch` is the launcher's, and not the watch's business.
 * Before the worker has threads. A watch that cannot be had is none: the worker looks by itself
 * between its steps. */
void sv_watch_start(const struct sv_state *s, int guard, int launch, struct sv_watch *out);
/* The start is over. */
void sv_watch_end(struct sv_watch *w);
