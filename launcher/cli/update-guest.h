/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an update (docs/DESIGN.md), for the commands that give a guest a new state: the
 * broker accepts both states, the guest restarts once, what it was seen to get its key by is left.
 */
#pragma once

#include "base/program/cli.h"
#include "guest/guest.h"

struct sv_update_guest {
        const struct sv_args *args; /* the options of update, and an administrator's */
        struct sv_guest *guest;     /* as it is to be; emptied */
        /* Between the policy and the restart; NULL: nothing. */
        int (*ready)(void *arg, struct sv_err *err);
        void *arg;
        /* Also when the policy accepts that state already, and no other: it measures the same. */
        bool restarts;
};

/* Adds what became of it to `result`. */
int sv_update_take(const struct sv_update_guest *u, struct sv_json *result, struct sv_err *err);
/* End the guest that runs, if any, and launch it as it is now: of one that asks no broker. */
int sv_update_restart(const struct sv_update_guest *u, struct sv_json *result, struct sv_err *err);
