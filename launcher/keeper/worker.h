/* SPDX-License-Identifier: Apache-2.0 */
/* The worker: the process that holds a guest's libvirt connection from its start to its end,
 * follows the guest and answers the commands. */
#pragma once

#include "tee/host.h"
#include "launcher/keeper/guard.h"
#include "launcher/keeper/ids.h"

struct sv_work {
        const struct sv_guest *guest;
        const struct sv_tee_host *tee;
        const struct sv_state *state;
        bool kvm;
        struct sv_ids ids;
        unsigned reader; /* user of the process that reads what the agent says; 0: nobody */
        bool enclosed;   /* this process's mounts are its own and QEMU's */
        bool confined;   /* by SELinux or AppArmor, or there is no start */
        bool unlabelled; /* libvirt is not to try it */
};

/* For sv_guard_start; arg is a struct sv_work. */
int sv_worker_run(void *arg, struct sv_worker_ends ends);
