/* SPDX-License-Identifier: Apache-2.0 */
/* A cold move: a guest of a libvirt daemon that cannot go to another host while it runs. Its disks
 * are copied while it does, then it is stopped, what it has written since is copied, and it is
 * launched there; only when it was seen to have its disk it is forgotten here. Whoever is killed or
 * cut off at whatever moment: at most one place can start it (launcher/keeper/move-mark.h), no disk
 * is lost, and the same command goes on. */
#pragma once

#include "base/json/json.h"

struct sv_move {
        const char *name;
        const char *from, *to; /* URIs of the daemons */
        unsigned down_seconds; /* for the guest to shut down */
        unsigned boot_seconds; /* for it to have its disk there; 0: no limit */
        bool force;            /* it is ended when it has not shut down by then */
        bool recover;          /* back to the source, where that loses nothing */
        bool cold;             /* also one that could go while it runs */
        bool check;            /* only look */
        bool quiet;
        /* What an administrator's key lets the command do besides, or NULL. `facts` is what is kept
         * with the guest; `authority` the certificates (PEM) of who makes the target's vTPMs, ""
         * when there is none yet; NULL for a guest without a vTPM. */
        int (*ask_broker)(void *arg, const struct sv_json *facts, const char *authority,
                          struct sv_err *err);
        /* The guest is off: the lease that `instance` has ends. */
        int (*end_lease)(void *arg, const struct sv_json *facts, const char *instance,
                         struct sv_err *err);
        void *arg;
};

/* SV_USAGE and SV_SYSTEM "move.*", "migrate.*" for what is against it, "move.interrupted"; whatever
 * its launch there ends with. The message says where the guest is then. Adds to `result` where it
 * is now, and how long each part took. */
int sv_move_guest(const struct sv_move *mv, struct sv_json *result, struct sv_err *err);
