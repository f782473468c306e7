/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/topology.h"

const struct sv_topo_cpu *sv_topology_cpu(const struct sv_topology *t, unsigned id)
{
        size_t low = 0, high = t->n_cpus;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (t->cpus[middle].id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < t->n_cpus && t->cpus[low].id == id ? &t->cpus[low] : NULL;
}

int sv_topology_node(const struct sv_topology *t, unsigned id)
{
        for (size_t i = 0; i < t->n_nodes; i++)
                if (t->nodes[i].id == id)
                        return (int)i;
        return -1;
}

uint64_t sv_topology_room(const struct sv_topology *t, size_t node, uint64_t size)
{
        const struct sv_topo_node *n = &t->nodes[node];

        if (!size)
                return n->free;
        for (size_t i = 0; i < n->n_pages; i++)
                if (n->pages[i].size == size)
                        return n->pages[i].free * size;
        return 0;
}
