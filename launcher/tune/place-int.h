/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that place a guest. Nodes are indexes of sv_topology.nodes. */
#pragma once

#include "launcher/tune/place.h"

#define SV_PLACE_OVERHEAD (256ull << 20) /* bytes of QEMU's own, beside the guest's memory */

/* How many last-level caches `vcpus` take at least of these CPUs. */
unsigned sv_place_count_l3s(const struct sv_topology *t, const struct sv_bitset *cpus,
                            unsigned vcpus);
/* So many of `from`, in the order in which vCPUs get them: fewest caches, whole cores, siblings
 * behind each other. There are enough. */
void sv_place_pick_cpus(const struct sv_topology *t, const struct sv_bitset *from, unsigned n,
                        unsigned *out);
/* For each cell the nodes it lies at. */
int sv_place_find_nodes(const struct sv_topology *t, const struct sv_place_wish *w,
                        const struct sv_bitset *usable, struct sv_bitset *nodes,
                        struct sv_err *err);
