/* SPDX-License-Identifier: Apache-2.0 */
/* The guard: the parent of a guest's worker, which cleans up when the worker ends.
 *
 * It adopts everything that the worker's libvirt starts and daemonises (PR_SET_CHILD_SUBREAPER).
 * When the worker ends, however it ends, the guard kills what is left and removes sockets and
 * copies. When the guard dies, the worker reads the end of a pipe, destroys the guest and does that
 * cleaning itself. The launcher holds the other end of a socket pair: until it has said "commit",
 * its death ends the guest as well. */
#pragma once

#include "launcher/keeper/state.h"

struct sv_worker_ends {
        int launch; /* socket: JSON lines to the launcher, "commit" from it */
        int guard;  /* reads as ended when the guard is gone */
};

/* The state's lock must be held; guard and worker inherit it. Returns the launcher's end of the
 * socket pair, or -1. The worker's return value is its exit status. The caller must have no
 * threads. */
int sv_guard_start(const struct sv_state *s, int (*worker)(void *arg, struct sv_worker_ends ends),
                   void *arg, struct sv_err *err);
/* In the guest's status: it failed, launch.supervisor, with this text. Without a status nothing is
 * written. */
void sv_guard_note_end(const struct sv_state *s, const char *text);
