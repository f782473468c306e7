/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/growth.h"

#include "base/core/limits.h"
#include "launcher/tune/bitset.h"
#include "launcher/tune/topology.h"

/* Nodes of the host for its first cell, which is where memory is added; `any`: all of them. */
static int read_bound_nodes(const struct sv_json *tuning, struct sv_bitset *out, bool *any,
                            struct sv_err *err)
{
        const char *list = sv_json_str(sv_json_at(sv_json_get(tuning, "cells"), 0));

        /* what is preferred only takes another node's page where its own has none */
        *any = !list || strcmp(sv_json_text(tuning, "mode", "strict"), "strict");
        return *any ? 0
                    : sv_bitset_parse(list, SV_CPUS_MAX, out, "nodes of the host", "tuning.numa",
                                      err);
}

int sv_tune_check_growth(const char *root, const struct sv_json *status, uint64_t memory,
                         struct sv_err *err)
{
        const struct sv_json *tuning = sv_json_get(status, "tuning");
        uint64_t page = (uint64_t)sv_json_int(sv_json_get(tuning, "hugepages"), 0), room = 0;
        int64_t boot = sv_json_int(sv_json_get(status, "memory"), 0);
        uint64_t has = (uint64_t)sv_json_int(sv_json_get(status, "memory_now"), boot);
        SV_TOPOLOGY t = {0};
        struct sv_bitset nodes = {{0}};
        bool any;

        if (!page || memory <= has)
                return 0;
        if (read_bound_nodes(tuning, &nodes, &any, err) < 0 || sv_topology_read(root, &t, err) < 0)
                return -1;
        for (size_t i = 0; i < t.n_nodes; i++)
                if (any || sv_bitset_has(&nodes, t.nodes[i].id))
                        room += sv_topology_room(&t, i, page);
        if (room >= memory - has)
                return 0;
        return sv_fail(err, SV_SYSTEM, "tuning.hugepages",
                       "the guest needs %llu more pages of %llu KiB and %llu are free%s; reserve "
                       "them (sysctl vm.nr_hugepages, or \"secure-vm tune\" with --hugepages), or "
                       "give it less",
                       (unsigned long long)((memory - has + page - 1) / page),
                       (unsigned long long)(page >> 10), (unsigned long long)(room / page),
                       any ? "" : " on the nodes that it is bound to");
}
