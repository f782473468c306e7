/* SPDX-License-Identifier: Apache-2.0 */
/* All guests of a libvirt daemon's host go to others: while they run where that can be, else by a
 * stop here and a launch there. Each goes in a process of its own, by the same steps as when it
 * goes alone (launcher/keeper/migrate.h, move.h), so whatever ends a guest's journey, this command
 * or the host: that guest is in one place, and the same command again goes on. */
#pragma once

#include "launcher/keeper/migrate.h"
#include "launcher/keeper/move.h"

struct sv_drain {
        const char *from; /* URI of the daemon */
        const char *const *to;
        size_t n_to;
        unsigned jobs;          /* how many guests are on their way at once */
        bool partial;           /* go also when one has to stay */
        bool check;             /* only look */
        bool quiet;             /* no lines about who begins and arrives */
        struct sv_migrate live; /* the options for every guest; names and URIs are filled in */
        struct sv_move cold;
        /* Gives a move what an administrator's key lets it do, in the process that moves; or NULL.
         */
        int (*open_broker)(void *arg, struct sv_move *mv, struct sv_err *err);
        void *arg;
};

/* Adds "guests" to `result`, a row each in the order in which they go: "name", "state", "how"
 * ("live", "cold", or "none" for one that has to stay), "to", "copies" (its disks are copied),
 * "why" not otherwise (rows of "way", "to", "check", "message"), "outcome" ("planned", "gone",
 * "failed", "stays") and what its move printed or failed with. 0 when the host has none left, or
 * with `check` when all can go. SV_SYSTEM "drain.stays" when one cannot: without `partial` nothing
 * has moved then; "drain.failed", "drain.interrupted" (SIGINT, SIGTERM, SIGHUP); for the hosts
 * those of sv_migrate_check_pair. */
int sv_drain_host(const struct sv_drain *d, struct sv_json *result, struct sv_err *err);

/* The rows, each "planned" or "stays". Changes nothing. */
int sv_drain_plan(const struct sv_drain *d, struct sv_json *rows, struct sv_err *err);
/* One that is planned. */
int sv_drain_guest(const struct sv_drain *d, const struct sv_json *row, struct sv_json *result,
                   struct sv_err *err);
