/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/tune/sys-file.h"
#include "launcher/tune/topology-int.h"

#define CPU        "/sys/devices/system/cpu"
#define NODE       "/sys/devices/system/node"
#define FORMAT     "tune.topology.format"
#define CONTRADICT "tune.topology.contradiction"
#define TRIES      3 /* times that a machine is read whose CPUs come and go */

static int read_set(const char *root, const char *path, unsigned limit, struct sv_bitset *out,
                    struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        return sv_sys_read(root, path, &text, err) < 0
                       ? -1
                       : sv_bitset_parse(sv_buf_str(&text), limit, out, path, FORMAT, err);
}

/* Of those that are online. In a container "online" may be what it may use (lxcfs), and other lists
 * the host's. */
static int read_online_set(const char *root, const char *path, const struct sv_topology *t,
                           struct sv_bitset *out, struct sv_err *err)
{
        if (read_set(root, path, SV_CPUS_MAX, out, err) < 0)
                return -1;
        sv_bitset_keep(out, &t->online);
        return 0;
}

/* --- CPUs --- */

static unsigned *get_group(struct sv_topo_cpu *c, bool l3)
{
        return l3 ? &c->l3 : &c->core;
}

/* A set of CPUs that share something: it holds the one that says it, and all of it say the same.
 * The first gives the set its number. */
static int join_group(struct sv_topology *t, struct sv_topo_cpu *c, const struct sv_bitset *set,
                      bool l3, struct sv_bitset *seen, const char *path, struct sv_err *err)
{
        size_t *n = l3 ? &t->n_l3s : &t->n_cores;
        bool again = sv_bitset_has(seen, c->id), same = true;

        for (size_t i = 0; i < t->n_cpus; i++) {
                struct sv_topo_cpu *other = &t->cpus[i];
                bool inside = sv_bitset_has(set, other->id);

                if (again) {
                        same &= inside == (sv_bitset_has(seen, other->id) &&
                                           *get_group(other, l3) == *get_group(c, l3));
                } else if (inside) {
                        same &= !sv_bitset_has(seen, other->id);
                        *get_group(other, l3) = (unsigned)*n;
                }
        }
        if (!same || !sv_bitset_has(set, c->id))
                return sv_fail(err, SV_FORMAT, CONTRADICT,
                               "%s: the CPUs that it names do not name each other", path);
        if (!again) {
                sv_bitset_join(seen, set);
                ++*n;
        }
        return 0;
}

/* The folder of a CPU's cache of level 3, or of its last one above level 1; "" without: then a
 * package is taken to share. */
static int find_last_cache(const char *root, unsigned id, char path[96], struct sv_err *err)
{
        uint64_t level, best = 1;

        *path = 0;
        for (unsigned i = 0; i < SV_CACHES_MAX; i++) {
                char level_path[96];

                snprintf(level_path, sizeof(level_path), CPU "/cpu%u/cache/index%u/level", id, i);
                if (!sv_sys_has(root, level_path))
                        break;
                if (sv_sys_read_number(root, level_path, 8, &level, err) < 0)
                        return -1;
                if (level <= best || level > 3)
                        continue;
                best = level;
                snprintf(path, 96, CPU "/cpu%u/cache/index%u/shared_cpu_list", id, i);
        }
        return 0;
}

/* Most CPUs have their caches in the same order: which is the last one the first says. Of a
 * processor with several kinds of cores some have fewer, and are asked themselves. */
static int read_l3(const char *root, struct sv_topology *t, struct sv_topo_cpu *c,
                   const char *first, struct sv_bitset *seen, struct sv_err *err)
{
        const char *tail = strstr(first, "/cache/");
        struct sv_bitset set = {0};
        char path[96];

        snprintf(path, sizeof(path), CPU "/cpu%u%s", c->id, tail ? tail : "");
        if ((!tail || !sv_sys_has(root, path)) && find_last_cache(root, c->id, path, err) < 0)
                return -1;
        if (!*path) {
                snprintf(path, sizeof(path), CPU "/cpu%u/topology/package_cpus_list", c->id);
                if (!sv_sys_has(root, path))
                        snprintf(path, sizeof(path), CPU "/cpu%u/topology/core_siblings_list",
                                 c->id);
        }
        return read_online_set(root, path, t, &set, err) < 0
                       ? -1
                       : join_group(t, c, &set, true, seen, path, err);
}

static int read_cpu(const char *root, struct sv_topology *t, struct sv_topo_cpu *c,
                    struct sv_bitset *seen, struct sv_err *err)
{
        struct sv_bitset siblings = {0};
        uint64_t package;
        char path[96];

        snprintf(path, sizeof(path), CPU "/cpu%u/topology/physical_package_id", c->id);
        if (sv_sys_read_number(root, path, SV_CPUS_MAX - 1, &package, err) < 0)
                return -1;
        c->package = (unsigned)package;
        c->isolated = sv_bitset_has(&t->isolated, c->id);
        snprintf(path, sizeof(path), CPU "/cpu%u/topology/thread_siblings_list", c->id);
        return read_online_set(root, path, t, &siblings, err) < 0
                       ? -1
                       : join_group(t, c, &siblings, false, seen, path, err);
}

static int read_cpus(const char *root, struct sv_topology *t, struct sv_err *err)
{
        struct sv_bitset cores = {0}, l3s = {0};
        char first[96];
        size_t n = 0;

        if (read_set(root, CPU "/online", SV_CPUS_MAX, &t->online, err) < 0)
                return -1;
        if (sv_sys_has(root, CPU "/isolated") &&
            read_set(root, CPU "/isolated", SV_CPUS_MAX, &t->isolated, err) < 0)
                return -1;
        t->n_cpus = sv_bitset_count(&t->online);
        if (!t->n_cpus)
                return sv_fail(err, SV_FORMAT, FORMAT, "%s" CPU "/online names no CPU", root);
        t->cpus = calloc(t->n_cpus, sizeof(*t->cpus));
        if (!t->cpus)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %zu CPUs", t->n_cpus);
        for (unsigned id = sv_bitset_next(&t->online, 0); id < SV_CPUS_MAX;
             id = sv_bitset_next(&t->online, id + 1))
                t->cpus[n++].id = id;
        if (find_last_cache(root, t->cpus[0].id, first, err) < 0)
                return -1;
        for (size_t i = 0; i < t->n_cpus; i++)
                if (read_cpu(root, t, &t->cpus[i], &cores, err) < 0 ||
                    read_l3(root, t, &t->cpus[i], first, &l3s, err) < 0)
                        return -1;
        return 0;
}

/* --- nodes --- */

/* "Node 0 MemFree:  123 kB" of a node, "MemFree:  123 kB" of the machine. */
static int read_kib(const char *path, const char *text, const char *word, uint64_t *bytes,
                    struct sv_err *err)
{
        const char *at = text;
        size_t n = strlen(word);
        uint64_t kib = 0;

        while ((at = strstr(at, word)) &&
               ((at > text && at[-1] != ' ' && at[-1] != '\n') || at[n] != ':'))
                at += n;
        if (at)
                at += n + 1 + strspn(at + n + 1, " ");
        if (!at || !sv_sys_take_number(&at, UINT64_MAX >> 10, &kib) || strncmp(at, " kB\n", 4))
                return sv_fail(err, SV_FORMAT, FORMAT, "%s: a line \"%s: NUMBER kB\" was expected",
                               path, word);
        *bytes = kib << 10;
        return 0;
}

static int read_node_memory(const char *root, const char *path, struct sv_topo_node *n,
                            struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        uint64_t files;

        if (sv_sys_read(root, path, &text, err) < 0 ||
            read_kib(path, sv_buf_str(&text), "MemTotal", &n->memory, err) < 0 ||
            read_kib(path, sv_buf_str(&text), "MemFree", &n->free, err) < 0 ||
            read_kib(path, sv_buf_str(&text), "Inactive(file)", &files, err) < 0)
                return -1;
        /* what the kernel gives up without writing anything, as numad counts */
        n->free += files;
        if (n->free > n->memory)
                return sv_fail(err, SV_FORMAT, CONTRADICT,
                               "%s%s: more memory is free than there is", root, path);
        return 0;
}

static int read_pages(const char *root, const char *folder, unsigned kib, struct sv_topo_node *n,
                      struct sv_err *err)
{
        struct sv_topo_pages p = {.size = (uint64_t)kib << 10};
        char path[128];

        if (n->n_pages == SV_PAGE_SIZES_MAX)
                return sv_fail(err, SV_FORMAT, FORMAT,
                               "%s%s: at most %d sizes of pages were expected", root, folder,
                               SV_PAGE_SIZES_MAX);
        snprintf(path, sizeof(path), "%s/hugepages-%ukB/nr_hugepages", folder, kib);
        if (sv_sys_read_number(root, path, UINT32_MAX, &p.total, err) < 0)
                return -1;
        snprintf(path, sizeof(path), "%s/hugepages-%ukB/free_hugepages", folder, kib);
        if (sv_sys_read_number(root, path, UINT32_MAX, &p.free, err) < 0)
                return -1;
        if (p.free > p.total)
                return sv_fail(err, SV_FORMAT, CONTRADICT,
                               "%s%s: more pages are free than there are", root, path);
        n->pages[n->n_pages++] = p;
        return 0;
}

/* Sizes are powers of two from 4 KiB to 16 GiB, whatever the processor. */
static int read_all_pages(const char *root, const char *folder, struct sv_topo_node *n,
                          struct sv_err *err)
{
        for (unsigned kib = 4; kib <= 16u << 20; kib *= 2) {
                char path[128];

                snprintf(path, sizeof(path), "%s/hugepages-%ukB", folder, kib);
                if (sv_sys_has(root, path) && read_pages(root, folder, kib, n, err) < 0)
                        return -1;
        }
        return 0;
}

static int read_distances(const char *root, const char *path, struct sv_topology *t, size_t node,
                          struct sv_err *err)
{
        unsigned *row = &t->distances[node * t->n_nodes];
        SV_BUF text = SV_BUF_NULL;
        const char *at;
        size_t n = 0;

        if (sv_sys_read(root, path, &text, err) < 0)
                return -1;
        for (at = sv_buf_str(&text); n < t->n_nodes && *at >= '1' && *at <= '9'; n++) {
                char *end;
                unsigned long d = strtoul(at, &end, 10);

                if (d < 10 || d > 255 || (*end != ' ' && *end != '\n'))
                        break;
                row[n] = (unsigned)d;
                at = end + (*end == ' ');
        }
        if (n != t->n_nodes || strcmp(at, "\n"))
                return sv_fail(err, SV_FORMAT, FORMAT,
                               "%s%s: %zu distances from 10 to 255 were expected, found \"%.60s\"",
                               root, path, t->n_nodes, sv_buf_str(&text));
        for (size_t i = 0; i < n; i++)
                if (row[i] < row[node])
                        return sv_fail(err, SV_FORMAT, CONTRADICT,
                                       "%s%s: node %u is nearer than the node itself", root, path,
                                       t->nodes[i].id);
        return 0;
}

static int take_node_cpus(struct sv_topology *t, size_t node, const char *path,
                          struct sv_bitset *seen, struct sv_err *err)
{
        const struct sv_bitset *cpus = &t->nodes[node].cpus;

        if (sv_bitset_count_both(cpus, seen))
                return sv_fail(err, SV_FORMAT, CONTRADICT, "%s: a CPU that is another node's too",
                               path);
        sv_bitset_join(seen, cpus);
        for (size_t i = 0; i < t->n_cpus; i++)
                if (sv_bitset_has(cpus, t->cpus[i].id))
                        t->cpus[i].node = (unsigned)node;
        return 0;
}

static int read_host_node(const char *root, struct sv_topology *t, size_t node,
                          struct sv_bitset *seen, struct sv_err *err)
{
        struct sv_topo_node *n = &t->nodes[node];
        char path[128];

        snprintf(path, sizeof(path), NODE "/node%u/cpulist", n->id);
        if (read_online_set(root, path, t, &n->cpus, err) < 0 ||
            take_node_cpus(t, node, path, seen, err) < 0)
                return -1;
        snprintf(path, sizeof(path), NODE "/node%u/meminfo", n->id);
        if (read_node_memory(root, path, n, err) < 0)
                return -1;
        snprintf(path, sizeof(path), NODE "/node%u/distance", n->id);
        if (read_distances(root, path, t, node, err) < 0)
                return -1;
        snprintf(path, sizeof(path), NODE "/node%u/hugepages", n->id);
        return read_all_pages(root, path, n, err);
}

static int make_nodes(struct sv_topology *t, size_t n, struct sv_err *err)
{
        t->n_nodes = n;
        t->nodes = calloc(n, sizeof(*t->nodes));
        t->distances = calloc(n * n, sizeof(*t->distances));
        return t->nodes && t->distances
                       ? 0
                       : sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %zu nodes", n);
}

static int make_only_node(const char *root, struct sv_topology *t, struct sv_err *err)
{
        if (make_nodes(t, 1, err) < 0)
                return -1;
        t->nodes[0].cpus = t->online;
        t->distances[0] = 10;
        return read_node_memory(root, "/proc/meminfo", &t->nodes[0], err) < 0
                       ? -1
                       : read_all_pages(root, "/sys/kernel/mm/hugepages", &t->nodes[0], err);
}

static int read_nodes(const char *root, struct sv_topology *t, struct sv_err *err)
{
        struct sv_bitset online = {0}, seen = {0};
        size_t n = 0;

        if (!sv_sys_has(root, NODE "/online"))
                return make_only_node(root, t, err);
        if (read_set(root, NODE "/online", SV_NODES_MAX, &online, err) < 0)
                return -1;
        if (!sv_bitset_count(&online))
                return sv_fail(err, SV_FORMAT, FORMAT, "%s" NODE "/online names no node", root);
        if (make_nodes(t, sv_bitset_count(&online), err) < 0)
                return -1;
        for (unsigned id = sv_bitset_next(&online, 0); id < SV_CPUS_MAX;
             id = sv_bitset_next(&online, id + 1))
                t->nodes[n++].id = id;
        for (size_t i = 0; i < t->n_nodes; i++)
                if (read_host_node(root, t, i, &seen, err) < 0)
                        return -1;
        if (!sv_bitset_equal(&seen, &t->online))
                return sv_fail(err, SV_FORMAT, CONTRADICT,
                               "%s" NODE ": a CPU that is online is no node's", root);
        return 0;
}

/* --- the whole --- */

void sv_topology_free(struct sv_topology *t)
{
        free(t->cpus);
        free(t->nodes);
        free(t->distances);
        free(t->devices);
        *t = (struct sv_topology){0};
}

static bool has_changed(const char *root, const struct sv_topology *t)
{
        struct sv_bitset now = {0};

        return read_set(root, CPU "/online", SV_CPUS_MAX, &now, NULL) == 0 &&
               !sv_bitset_equal(&now, &t->online);
}

int sv_topology_read(const char *root, struct sv_topology *out, struct sv_err *err)
{
        for (int i = 1;; i++) {
                struct sv_err why = SV_ERR_NULL;
                struct sv_topology t = {0};
                int r = read_cpus(root, &t, &why) < 0 || read_nodes(root, &t, &why) < 0 ||
                                        sv_topo_read_devices(root, &t, &why) < 0
                                ? -1
                                : 0;
                bool changed = has_changed(root, &t), again = i < TRIES && changed;

                if (r == 0 && !changed) {
                        *out = t;
                        return 0;
                }
                sv_topology_free(&t);
                if (again)
                        continue;
                if (r == 0)
                        return sv_fail(err, SV_SYSTEM, "tune.topology.read",
                                       "%s" CPU "/online changed each time that it was read; try "
                                       "again when no CPU comes or goes",
                                       root);
                if (err)
                        *err = why;
                return -1;
        }
}
