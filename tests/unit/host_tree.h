/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts to read: /sys and /proc of a machine of a given shape, written below a folder. */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "tests/unit/unit.h"

static char base[32];

/* Thousands of small files: in memory where there is room for that. */
static inline int make_base(void **state)
{
        strcpy(base, "/dev/shm/sv-host-XXXXXX");
        if (mkdtemp(base))
                return 0;
        strcpy(base, "/tmp/sv-host-XXXXXX");
        return mkdtemp(base) ? 0 : -1;
}

static inline int remove_base(void **state)
{
        return sv_remove_tree(base, NULL);
}

#define GIB (1ull << 30)
#define MIB (1ull << 20)

struct host_card {
        const char *name; /* network interface, or NVMe controller by its "nvme" */
        int node;
        unsigned functions, functions_max;
};

struct host_shape {
        const char *name;
        unsigned packages, nodes; /* nodes of one package; 0: no package, the kernel has no NUMA */
        unsigned l3s;             /* of one node */
        unsigned cores;           /* of one L3 */
        unsigned threads;
        unsigned near, far; /* distances within and between packages */
        uint64_t memory, free;
        unsigned pages_2m, pages_1g; /* of one node, all free */
        unsigned skew;               /* node n has n * skew % of its free memory less */
        const char *isolated;
        struct host_card cards[6];
        unsigned memory_only; /* further nodes without CPUs */
};

static inline void put_host_file(const char *root, const char *text, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
static inline void put_host_file(const char *root, const char *text, const char *fmt, ...)
{
        char path[512];
        va_list ap;
        int fd, at = snprintf(path, sizeof(path), "%s/", root);

        va_start(ap, fmt);
        vsnprintf(path + at, sizeof(path) - (size_t)at, fmt, ap);
        va_end(ap);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0) {
                struct sv_err err = SV_ERR_NULL;
                SV_STR folder = sv_path_folder(path);

                OK(sv_mkdirs(folder, 0700, &err));
                fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        }
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

/* CPU of a core: siblings are numbered behind all first threads, as both makers' firmware has it.
 */
static inline unsigned get_host_cpu(const struct host_shape *s, unsigned core, unsigned thread)
{
        return core + thread * s->packages * s->nodes * s->l3s * s->cores;
}

/* "0-3,64-67": n cores from `first`, all threads. */
static inline void list_host_cpus(const struct host_shape *s, unsigned first, unsigned n,
                                  char out[128])
{
        int at = 0;

        for (unsigned t = 0; t < s->threads; t++) {
                unsigned from = get_host_cpu(s, first, t);

                at += snprintf(out + at, 128 - (size_t)at, n > 1 ? "%s%u-%u" : "%s%u", t ? "," : "",
                               from, from + n - 1);
        }
        snprintf(out + at, 128 - (size_t)at, "\n");
}

static inline void put_host_cpus(const char *root, const struct host_shape *s)
{
        unsigned per_node = s->l3s * s->cores, cores = s->packages * s->nodes * per_node;
        char list[128];

        for (unsigned c = 0; c < cores; c++)
                for (unsigned t = 0; t < s->threads; t++) {
                        unsigned cpu = get_host_cpu(s, c, t);
                        char text[32];

                        snprintf(text, sizeof(text), "%u\n", c / (per_node * s->nodes));
                        put_host_file(root, text,
                                      "sys/devices/system/cpu/cpu%u/topology/physical_package_id",
                                      cpu);
                        list_host_cpus(s, c, 1, list);
                        put_host_file(root, list,
                                      "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
                                      cpu);
                        list_host_cpus(s, c - c % s->cores, s->cores, list);
                        put_host_file(root, list,
                                      "sys/devices/system/cpu/cpu%u/cache/index1/shared_cpu_list",
                                      cpu);
                        if (cpu)
                                continue;
                        put_host_file(root, "1\n",
                                      "sys/devices/system/cpu/cpu0/cache/index0/level");
                        put_host_file(root, "3\n",
                                      "sys/devices/system/cpu/cpu0/cache/index1/level");
                }
        snprintf(list, sizeof(list), cores * s->threads > 1 ? "0-%u\n" : "%u\n",
                 cores * s->threads - 1);
        put_host_file(root, list, "sys/devices/system/cpu/online");
        snprintf(list, sizeof(list), "%s\n", s->isolated ? s->isolated : "");
        put_host_file(root, list, "sys/devices/system/cpu/isolated");
}

static inline void put_host_memory(const char *root, const struct host_shape *s, unsigned node)
{
        uint64_t free = s->free - s->free / 100 * s->skew * node, huge;
        char text[512];

        huge = s->pages_2m * 2 * MIB + s->pages_1g * GIB;
        snprintf(text, sizeof(text),
                 "Node %u MemTotal:       %llu kB\nNode %u MemFree:        %llu kB\n"
                 "Node %u MemUsed:        %llu kB\nNode %u Inactive(file): 0 kB\n",
                 node, (unsigned long long)(s->memory >> 10), node,
                 (unsigned long long)((free - huge) >> 10), node,
                 (unsigned long long)((s->memory - free + huge) >> 10), node);
        put_host_file(root, text, "sys/devices/system/node/node%u/meminfo", node);
        for (int big = 0; big < 2; big++) {
                snprintf(text, sizeof(text), "%u\n", big ? s->pages_1g : s->pages_2m);
                for (int total = 0; total < 2; total++)
                        put_host_file(root, text,
                                      "sys/devices/system/node/node%u/hugepages/"
                                      "hugepages-%ukB/%s_hugepages",
                                      node, big ? 1048576 : 2048, total ? "nr" : "free");
        }
}

static inline void put_host_nodes(const char *root, const struct host_shape *s)
{
        unsigned with_cpus = s->packages * s->nodes, all = with_cpus + s->memory_only;
        unsigned per_node = s->l3s * s->cores;
        char text[4096];

        for (unsigned n = 0; n < all; n++) {
                int at = 0;

                *text = 0;
                list_host_cpus(s, n * per_node, per_node, text);
                put_host_file(root, n < with_cpus ? text : "\n",
                              "sys/devices/system/node/node%u/cpulist", n);
                put_host_memory(root, s, n);
                for (unsigned to = 0; to < all; to++)
                        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%u", to ? " " : "",
                                       to == n                             ? 10
                                       : n >= with_cpus || to >= with_cpus ? s->far + 4
                                       : to / s->nodes == n / s->nodes     ? s->near
                                                                           : s->far);
                snprintf(text + at, sizeof(text) - (size_t)at, "\n");
                put_host_file(root, text, "sys/devices/system/node/node%u/distance", n);
        }
        snprintf(text, sizeof(text), all > 1 ? "0-%u\n" : "%u\n", all - 1);
        put_host_file(root, text, "sys/devices/system/node/online");
}

static inline void put_host_link(const char *root, const char *to, const char *name)
{
        SV_STR path = sv_asprintf("%s/%s", root, name);
        SV_STR folder = sv_path_folder(path);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_mkdirs(folder, 0700, &err));
        unlink(path);
        assert_int_equal(symlink(to, path), 0);
}

static inline void put_host_card(const char *root, const struct host_card *c, unsigned bus)
{
        bool nvme = !strncmp(c->name, "nvme", 4);
        SV_STR device = sv_asprintf("sys/devices/pci0000:%02x/0000:%02x:00.0", bus, bus);
        SV_STR link = sv_asprintf("sys/class/%s/%s/device", nvme ? "nvme" : "net", c->name);
        SV_STR to = sv_asprintf("../../../devices/pci0000:%02x/0000:%02x:00.0", bus, bus);
        SV_STR node = sv_asprintf("%d\n", c->node);
        SV_STR now = sv_asprintf("%u\n", c->functions);
        SV_STR max = sv_asprintf("%u\n", c->functions_max);

        put_host_file(root, node, "%s/numa_node", device);
        put_host_link(root, to, link);
        if (!c->functions_max)
                return;
        put_host_file(root, now, "%s/sriov_numvfs", device);
        put_host_file(root, max, "%s/sriov_totalvfs", device);
        for (unsigned i = 0; i < c->functions; i++) {
                SV_STR name = sv_asprintf("%s/virtfn%u", device, i);
                SV_STR address = sv_asprintf("../0000:%02x:%02x.%u", bus, 0x10 + i / 8, i % 8);

                put_host_file(root, node, "sys/devices/pci0000:%02x/0000:%02x:%02x.%u/numa_node",
                              bus, bus, 0x10 + i / 8, i % 8);
                put_host_link(root, address, name);
        }
}

static inline void put_host(const char *root, const struct host_shape *s)
{
        put_host_cpus(root, s);
        put_host_nodes(root, s);
        for (unsigned i = 0; i < 6 && s->cards[i].name; i++)
                put_host_card(root, &s->cards[i], 0x21 + i);
}

/* Twelve machines as they are sold. */
static const struct host_shape hosts[] = {
        {.name = "desktop, no hyper-threads",
         .packages = 1,
         .nodes = 1,
         .l3s = 1,
         .cores = 8,
         .threads = 1,
         .near = 12,
         .far = 21,
         .memory = 32 * GIB,
         .free = 24 * GIB,
         .cards = {{"eno1", -1, 0, 0}}},
        {.name = "Xeon E, hyper-threads",
         .packages = 1,
         .nodes = 1,
         .l3s = 1,
         .cores = 8,
         .threads = 2,
         .near = 12,
         .far = 21,
         .memory = 64 * GIB,
         .free = 60 * GIB,
         .cards = {{"eno1", 0, 0, 0}, {"nvme0", 0, 0, 0}}},
        {.name = "EPYC 7702P, NPS1",
         .packages = 1,
         .nodes = 1,
         .l3s = 16,
         .cores = 4,
         .threads = 2,
         .near = 12,
         .far = 32,
         .memory = 512 * GIB,
         .free = 400 * GIB,
         .cards = {{"enp1s0", 0, 8, 64}}},
        {.name = "EPYC 7702P, NPS4",
         .packages = 1,
         .nodes = 4,
         .l3s = 4,
         .cores = 4,
         .threads = 2,
         .near = 12,
         .far = 32,
         .memory = 128 * GIB,
         .free = 100 * GIB,
         .skew = 10,
         .cards = {{"enp1s0", 2, 8, 64}, {"nvme0", 1, 0, 0}}},
        {.name = "2 EPYC 9654, NPS1",
         .packages = 2,
         .nodes = 1,
         .l3s = 12,
         .cores = 8,
         .threads = 2,
         .near = 12,
         .far = 32,
         .memory = 768 * GIB,
         .free = 700 * GIB,
         .pages_1g = 256,
         .cards = {{"enp1s0", 1, 16, 128}, {"nvme0", 0, 0, 0}, {"nvme1", 1, 0, 0}}},
        {.name = "2 EPYC 7763, NPS4",
         .packages = 2,
         .nodes = 4,
         .l3s = 2,
         .cores = 8,
         .threads = 2,
         .near = 12,
         .far = 32,
         .memory = 64 * GIB,
         .free = 60 * GIB,
         .skew = 5,
         .pages_2m = 8192,
         .cards = {{"enp1s0", 5, 8, 64}, {"nvme0", 3, 0, 0}}},
        {.name = "2 EPYC 9754, NPS4, 512 CPUs",
         .packages = 2,
         .nodes = 4,
         .l3s = 4,
         .cores = 8,
         .threads = 2,
         .near = 12,
         .far = 32,
         .memory = 192 * GIB,
         .free = 180 * GIB,
         .cards = {{"enp1s0", 6, 8, 64}, {"enp2s0", 1, 0, 0}, {"nvme0", 3, 0, 0}}},
        {.name = "2 Xeon 6130",
         .packages = 2,
         .nodes = 1,
         .l3s = 1,
         .cores = 16,
         .threads = 2,
         .near = 11,
         .far = 21,
         .memory = 192 * GIB,
         .free = 150 * GIB,
         .skew = 40,
         .cards = {{"ens1f0", 1, 8, 64}, {"ens1f1", 1, 0, 64}}},
        {.name = "2 Xeon 8480+, SNC2",
         .packages = 2,
         .nodes = 2,
         .l3s = 1,
         .cores = 28,
         .threads = 2,
         .near = 12,
         .far = 21,
         .memory = 256 * GIB,
         .free = 250 * GIB,
         .pages_2m = 16384,
         .cards = {{"ens1f0", 3, 8, 64}, {"nvme0", 0, 0, 0}}},
        {.name = "Xeon 8490H, SNC4",
         .packages = 1,
         .nodes = 4,
         .l3s = 1,
         .cores = 15,
         .threads = 2,
         .near = 12,
         .far = 21,
         .memory = 128 * GIB,
         .free = 20 * GIB,
         .skew = 15,
         .cards = {{"nvme0", 2, 0, 0}, {"nvme1", 2, 0, 0}}},
        {.name = "2 Xeon 8358, most CPUs isolated",
         .packages = 2,
         .nodes = 1,
         .l3s = 1,
         .cores = 32,
         .threads = 2,
         .near = 11,
         .far = 20,
         .memory = 512 * GIB,
         .free = 500 * GIB,
         .pages_1g = 400,
         .isolated = "4-31,36-63,68-95,100-127",
         .cards = {{"ens1f0", 0, 32, 64}, {"ens2f0", 1, 32, 64}}},
        {.name = "2 Xeon 6980P, memory by CXL",
         .packages = 2,
         .nodes = 1,
         .l3s = 1,
         .cores = 128,
         .threads = 1,
         .near = 11,
         .far = 21,
         .memory = 384 * GIB,
         .free = 300 * GIB,
         .memory_only = 2,
         .cards = {{"ens1f0", 0, 8, 16}, {"nvme0", 1, 0, 0}}},
};
#define N_HOSTS (sizeof(hosts) / sizeof(hosts[0]))
