/* SPDX-License-Identifier: Apache-2.0 */
/* The file systems of a running guest come to rest for a moment: its qemu-guest-agent writes out
 * what is to be written and holds every write until they are let go. A guest that its processor
 * protects has no way to that agent: it takes no orders from its host. */
#pragma once

#include "base/core/err.h"

struct sv_virt;

/* The channel that QEMU's agent in the guest looks for. Ours is another (SV_AGENT_PORT). */
#define SV_QEMU_AGENT_PORT "org.qemu.guest_agent.0"

/* What holds a guest's writes around the beginning of a copy. */
struct sv_quiesce {
        /* -1: nothing is held */
        int (*hold)(struct sv_quiesce *q, struct sv_err *err);
        /* -1: they may be held still */
        int (*let_go)(struct sv_quiesce *q, struct sv_err *err);
};
/* begin(arg), and what it begins is of the moment in which writes are held; q may be NULL. When
 * they cannot be let go it has failed, too. */
int sv_quiesce_around(struct sv_quiesce *q, int (*begin)(void *arg, struct sv_err *err), void *arg,
                      struct sv_err *err);

/* SV_SYSTEM "snapshot.quiesce": nobody answers, or it cannot; nothing is held then.
 * "snapshot.frozen" when it did not answer in time, and does not to be let go: it may be held. */
int sv_virt_freeze(struct sv_virt *v, struct sv_err *err);
/* Also when nothing is held. SV_SYSTEM "snapshot.frozen". */
int sv_virt_thaw(struct sv_virt *v, struct sv_err *err);
