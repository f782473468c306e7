/* SPDX-License-Identifier: Apache-2.0 */
/* Who else is at work on a host: daemons that set what we would set, and guests that run. */
#pragma once

#include "base/json/json.h"
#include "launcher/tune/bitset.h"

enum sv_tune_owner {
        SV_OWNER_TUNED = 1 << 0,
        SV_OWNER_IRQBALANCE = 1 << 1,
        SV_OWNER_NUMAD = 1 << 2,
        SV_OWNER_KSMTUNED = 1 << 3,
        SV_OWNER_POWER = 1 << 4, /* power-profiles-daemon, auto-cpufreq */
};

struct sv_tune_vcpu {
        unsigned number;
        struct sv_bitset cpus; /* on which it may run */
};

struct sv_tune_guest {
        char name[SV_NAME_MAX + 1];
        unsigned pid;
        struct sv_tune_vcpu *vcpus;
        size_t n;
        bool pinned; /* a virtual CPU may not run everywhere */
};

struct sv_tune_processes {
        unsigned owners; /* bits that run */
        char tuned[64];  /* tuned's profile; "" */
        struct sv_tune_guest *guests;
        size_t n_guests;
};

/* Of daemons, processes of root's and of our own user count, of guests those that
 * launcher/tune/trust.h names: others could pretend. Guests' names are names, or "process N". */
int sv_tune_find_processes(const char *root, const struct sv_bitset *online,
                           struct sv_tune_processes *out, struct sv_err *err);
void sv_tune_processes_free(struct sv_tune_processes *p);
/* Its name, and how its work is given up; the i-th, NULL past the last. */
const char *sv_tune_owner_name(size_t i, unsigned *bit, const char **how);
/* Adds the names of those whose bits are in `owners`. */
void sv_tune_put_owners(unsigned owners, struct sv_json *list);
