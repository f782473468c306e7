/* SPDX-License-Identifier: Apache-2.0 */
/* Where a guest lies on its host: which node each of its cells has, which CPU each of its vCPUs.
 * Pure: what the machine is made of and what the guest wants in, sets of CPUs and nodes out, each
 * with its reason.
 *
 * Nearness counts first: the distances between the guest's cells, and from each card or disk that
 * it uses to the nearest cell. Then the number of last-level caches that its vCPUs share; then that
 * nodes with cards are kept for who uses them; then the node with most free memory. The search is
 * exhaustive within SV_PLACE_STEPS, which eight cells on eight nodes do not reach. */
#pragma once

#include "base/json/json.h"
#include "launcher/tune/topology.h"

struct sv_place_cell {
        unsigned vcpus;  /* the next ones: cells have their vCPUs in order */
        uint64_t memory; /* bytes */
};

struct sv_place_wish {
        const struct sv_place_cell *cells; /* at least one */
        size_t n_cells;
        uint64_t page_size; /* bytes of a huge page; 0: ordinary ones */
        /* a CPU for each vCPU and nobody else's; else they float over their node's */
        bool pin;
        bool memory_must_fit;     /* else it is preferred there and may lie elsewhere */
        struct sv_bitset allowed; /* CPUs that may be used at all; empty: every one */
        struct sv_bitset taken;   /* CPUs that other guests have for themselves */
        struct sv_bitset near;    /* nodes (indexes) of the cards and disks that it uses */
        size_t iothreads;
        const struct sv_bitset *at;    /* nodes (indexes) of each cell; NULL: they are chosen */
        const struct sv_bitset *given; /* CPUs of each vCPU; NULL: they are chosen */
};

struct sv_placement {
        size_t n_cells, n_vcpus, n_iothreads;
        struct sv_bitset *nodes;     /* of each cell: the kernel's numbers */
        struct sv_bitset *vcpus;     /* of each vCPU */
        struct sv_bitset *iothreads; /* of each */
        struct sv_bitset emulator;   /* of all other threads of QEMU's, vhost's among them */
        /* "what" ("cell 0", "vCPUs 0-3", "emulator"), "where" ("node 1", "CPUs 8-11"), "why" */
        struct sv_json *reasons;
};

/* SV_SYSTEM "tune.place.cpus", "tune.place.memory": no node, or no set of them for a guest of one
 * cell, has enough; the message says how much there is. */
int sv_place_guest(const struct sv_topology *t, const struct sv_place_wish *wish,
                   struct sv_placement *out, struct sv_err *err);
void sv_placement_free(struct sv_placement *p);
#define SV_PLACEMENT __attribute__((cleanup(sv_placement_free))) struct sv_placement
