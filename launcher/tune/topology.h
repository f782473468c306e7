/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine is made of, as its kernel says: CPUs, the caches and nodes that they share,
 * memory, cards. Read below a root folder ("" is the machine itself, a fixture's in tests), without
 * libvirt. Cores, L3 caches, packages and nodes are counted from 0 here; `id` is the kernel's. */
#pragma once

#include "launcher/tune/bitset.h"

struct sv_topo_cpu {
        unsigned id;
        unsigned core;    /* those with the same are siblings (hyper-threads) */
        unsigned l3;      /* those with the same share the last cache */
        unsigned package; /* the kernel's number of the socket */
        unsigned node;    /* index of sv_topology.nodes */
        bool isolated;    /* from the scheduler (isolcpus=) */
};

/* Huge pages of one size on one node. */
struct sv_topo_pages {
        uint64_t size; /* bytes */
        uint64_t total, free;
};

struct sv_topo_node {
        unsigned id;
        struct sv_bitset cpus; /* online; none for a node of memory alone */
        uint64_t memory;       /* bytes; none for a node of CPUs alone */
        uint64_t free;         /* bytes; what a new guest can have, cached files given up */
        struct sv_topo_pages pages[SV_PAGE_SIZES_MAX];
        size_t n_pages;
};

enum sv_topo_kind {
        SV_TOPO_NIC,      /* a network interface with a device */
        SV_TOPO_FUNCTION, /* a virtual function of a network card, whether it has an interface */
        SV_TOPO_NVME,     /* a controller */
};

struct sv_topo_device {
        enum sv_topo_kind kind;
        char name[32];   /* "enp1s0f0", "nvme0"; of a function its PCI address */
        char pci[16];    /* "0000:21:10.0"; "" for what is no PCI device */
        char parent[16]; /* of a function: its card's PCI address */
        char driver[32]; /* of a function: "" when none is bound */
        int node;        /* index of sv_topology.nodes; -1: the machine does not say */
        unsigned functions, functions_max; /* of a card: how many it has, and can have */
};

struct sv_topology {
        struct sv_bitset online, isolated;
        struct sv_topo_cpu *cpus; /* the online ones, by their numbers */
        size_t n_cpus, n_cores, n_l3s;
        struct sv_topo_node *nodes; /* by their numbers */
        size_t n_nodes;
        unsigned *distances; /* n_nodes * n_nodes; 10 is near (ACPI SLIT) */
        struct sv_topo_device *devices;
        size_t n_devices;
};

/* SV_SYSTEM "tune.topology.read" for a file that cannot be read, SV_FORMAT "tune.topology.format"
 * for one that is no such file (cut short too), "tune.topology.contradiction" when two do not go
 * together. CPUs that come or go meanwhile are read again. A kernel without NUMA is one node. */
int sv_topology_read(const char *root, struct sv_topology *out, struct sv_err *err);
void sv_topology_free(struct sv_topology *t);
#define SV_TOPOLOGY __attribute__((cleanup(sv_topology_free))) struct sv_topology

/* NULL: no such CPU is online. */
const struct sv_topo_cpu *sv_topology_cpu(const struct sv_topology *t, unsigned id);
/* Index of a node by the kernel's number; -1: there is none. */
int sv_topology_node(const struct sv_topology *t, unsigned id);
static inline unsigned sv_topology_distance(const struct sv_topology *t, size_t from, size_t to)
{
        return t->distances[from * t->n_nodes + to];
}
/* Bytes that a node can give in pages of `size` (0: the ordinary ones). */
uint64_t sv_topology_room(const struct sv_topology *t, size_t node, uint64_t size);
