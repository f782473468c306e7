/* SPDX-License-Identifier: Apache-2.0 */
/* From what a guest file wishes ("tuning") and what the host has to what its domain shall say. */
#pragma once

#include "guest/guest.h"
#include "launcher/tune/place.h"

struct sv_tuned {
        bool pinned; /* vCPUs, emulator and I/O threads have the CPUs of `place` */
        bool bound;  /* its memory has the nodes of `place` */
        bool strict; /* and no others */
        struct sv_placement place;
        /* n_cells * n_cells as the guest shall see them; NULL: it sees no nodes, or what it sees is
         * measured and must not depend on the host */
        unsigned *distances;
};

/* `confidential`: a TEE keeps its memory from the host. `taken`: CPUs that others will have, beside
 * those that threads of running guests have; NULL: none. Nothing is decided without a wish. Errors
 * name file, line and member of the guest file: SV_USAGE or SV_SYSTEM "tuning.cpus",
 * "tuning.numa", "tuning.hugepages", "tuning.io", "tuning.vhost"; those of place.h and topology.h.
 */
int sv_tune_guest(const char *root, const struct sv_guest *g, bool confidential,
                  const struct sv_bitset *taken, struct sv_tuned *out, struct sv_err *err);
void sv_tuned_free(struct sv_tuned *t);
#define SV_TUNED __attribute__((cleanup(sv_tuned_free))) struct sv_tuned

/* Does it wish for anything that only the host itself can say? */
bool sv_tune_asks_host(const struct sv_guest *g);
/* Adds what was decided to a guest's status, as "tuning", for whoever reads it back: "vcpus",
 * "emulator", "iothreads", "cells", "mode", "hugepages", "disks", "nics", "reasons"; nothing when
 * the file wishes for nothing. */
void sv_tuned_put(const struct sv_guest *g, const struct sv_tuned *t, struct sv_json *status);
