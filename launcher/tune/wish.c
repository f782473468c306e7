/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/wish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/tune/devices.h"
#include "launcher/tune/sys-file.h"
#include "launcher/tune/threads.h"

void sv_tuned_free(struct sv_tuned *t)
{
        sv_placement_free(&t->place);
        free(t->distances);
        *t = (struct sv_tuned){0};
}

static bool asks_placement(const struct sv_guest *g)
{
        return g->tune.numa.given || g->tune.cpus.n_pin || g->tune.cpus.emulator ||
               g->tune.cpus.n_iothreads;
}

static bool asks_disk_or_nic(const struct sv_guest *g)
{
        bool asks = false;

        for (size_t i = 0; i < g->n_disks; i++)
                asks |= g->disks[i].tuning.io && !strcmp(g->disks[i].tuning.io, "io_uring");
        for (size_t i = 0; i < g->n_nics; i++)
                asks |= g->nics[i].tuning.vhost;
        return asks;
}

bool sv_tune_asks_host(const struct sv_guest *g)
{
        return asks_placement(g) || g->tune.hugepages || asks_disk_or_nic(g);
}

/* --- what the host lacks --- */

static int check_io_uring(const char *root, struct sv_err *err)
{
        uint64_t disabled = 0;

        if (sv_sys_has(root, "/proc/sys/kernel/io_uring_disabled") &&
            sv_sys_read_number(root, "/proc/sys/kernel/io_uring_disabled", 2, &disabled, err) < 0)
                return -1;
        if (disabled)
                return sv_fail(
                        err, SV_SYSTEM, "tuning.io",
                        "\"io_uring\" is switched off on this host (kernel.io_uring_disabled "
                        "is %u); take \"native\", or \"sysctl kernel.io_uring_disabled=0\"",
                        (unsigned)disabled);
        if (!*root && syscall(SYS_io_uring_setup, 0, NULL) < 0 &&
            (errno == ENOSYS || errno == EPERM))
                return sv_fail(err, SV_SYSTEM, "tuning.io",
                               "\"io_uring\" is not to be had from this host's kernel (%s); take "
                               "\"native\"",
                               strerror(errno));
        return 0;
}

static int check_vhost(const char *root, struct sv_err *err)
{
        if (sv_sys_has(root, "/dev/vhost-net"))
                return 0;
        return sv_fail(err, SV_SYSTEM, "tuning.vhost",
                       "this host has no /dev/vhost-net, and libvirt would do without it and say "
                       "nothing; \"modprobe vhost_net\", or leave \"vhost\" out");
}

static int check_devices(const char *root, const struct sv_guest *g, struct sv_err *err)
{
        for (size_t i = 0; i < g->n_disks; i++) {
                SV_STR at = sv_asprintf("/disks/%zu/tuning/io", i);

                if (g->disks[i].tuning.io && !strcmp(g->disks[i].tuning.io, "io_uring") &&
                    check_io_uring(root, err) < 0)
                        return sv_guest_wrap(g, at, err);
        }
        for (size_t i = 0; i < g->n_nics; i++) {
                SV_STR at = sv_asprintf("/nics/%zu/tuning/vhost", i);

                if (g->nics[i].tuning.vhost && check_vhost(root, err) < 0)
                        return sv_guest_wrap(g, at, err);
        }
        return 0;
}

/* A line of /proc/mounts: "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0". */
static bool has_pages(const char *line, uint64_t page)
{
        const char *kind = strstr(line, " hugetlbfs "), *end = strchr(line, '\n'),
                   *size = kind ? strstr(kind, "pagesize=") : NULL;
        uint64_t n;

        if (!size || (end && size > end))
                return false;
        size += strlen("pagesize=");
        return sv_sys_take_number(&size, UINT32_MAX, &n) && (*size == 'K'   ? n << 10
                                                             : *size == 'M' ? n << 20
                                                                            : n << 30) == page;
}

/* libvirt has QEMU take them from a mount, which systemd makes for one size only. */
static int check_huge_mount(const char *root, uint64_t page, struct sv_err *err)
{
        SV_BUF mounts = SV_BUF_NULL;

        if (sv_sys_read(root, "/proc/mounts", &mounts, NULL) < 0)
                return 0;
        for (const char *at = sv_buf_str(&mounts); *at; at += strcspn(at, "\n"), at += *at == '\n')
                if (has_pages(at, page))
                        return 0;
        return sv_fail(err, SV_SYSTEM, "tuning.hugepages",
                       "no file system for pages of %llu KiB is mounted, from which QEMU takes "
                       "them: \"mount -t hugetlbfs -o pagesize=%lluK hugetlbfs FOLDER\" (a libvirt "
                       "daemon finds it when it is started anew), or leave this out",
                       (unsigned long long)(page >> 10), (unsigned long long)(page >> 10));
}

static int check_huge_pages(const char *root, const struct sv_topology *t, const struct sv_guest *g,
                            bool confidential, struct sv_err *err)
{
        uint64_t page = g->tune.hugepages, have = 0;
        bool known = false;

        if (!page)
                return 0;
        if (confidential)
                return sv_fail(err, SV_USAGE, "tuning.hugepages",
                               "a confidential guest's private memory comes from guest_memfd, "
                               "which takes no huge pages: they would lie behind its shared half "
                               "for nothing; leave them out");
        for (size_t i = 0; i < t->n_nodes; i++) {
                have += sv_topology_room(t, i, page);
                for (size_t k = 0; k < t->nodes[i].n_pages; k++)
                        known |= t->nodes[i].pages[k].size == page;
        }
        if (have >= g->memory)
                return check_huge_mount(root, page, err);
        return sv_fail(err, SV_SYSTEM, "tuning.hugepages",
                       "the guest wants %llu pages of %llu KiB and this host has %llu free%s; "
                       "reserve them (sysctl vm.nr_hugepages, or hugepages= at boot), or leave "
                       "this out",
                       (unsigned long long)(g->memory / page), (unsigned long long)(page >> 10),
                       (unsigned long long)(have / page), known ? "" : ", none of that size ever");
}

/* --- CPUs and nodes that the file names --- */

static int read_cpu_list(const struct sv_topology *t, const char *list, struct sv_bitset *out,
                         struct sv_err *err)
{
        if (sv_bitset_parse(list, SV_CPUS_MAX, out, "CPUs of the host", "tuning.cpus", err) < 0) {
                if (err)
                        err->class = SV_USAGE;
                return -1;
        }
        if (sv_bitset_within(out, &t->online))
                return 0;
        return sv_fail(
                err, SV_USAGE, "tuning.cpus",
                "CPUs \"%.60s\": not all of them are online on this host, which has %zu (see "
                "/sys/devices/system/cpu/online)",
                list, t->n_cpus);
}

/* By the kernel's numbers to indexes. */
static int read_node_list(const struct sv_topology *t, const char *list, struct sv_bitset *out,
                          struct sv_err *err)
{
        struct sv_bitset ids = {0};

        if (sv_bitset_parse(list, SV_NODES_MAX, &ids, "nodes of the host", "tuning.numa", err) <
            0) {
                if (err)
                        err->class = SV_USAGE;
                return -1;
        }
        for (unsigned id = sv_bitset_next(&ids, 0); id < SV_NODES_MAX;
             id = sv_bitset_next(&ids, id + 1)) {
                int node = sv_topology_node(t, id);

                if (node < 0)
                        return sv_fail(err, SV_USAGE, "tuning.numa",
                                       "this host has no node %u; it has %zu (see "
                                       "/sys/devices/system/node/online)",
                                       id, t->n_nodes);
                if (!t->nodes[node].memory)
                        return sv_fail(err, SV_USAGE, "tuning.numa",
                                       "node %u of this host has no memory", id);
                sv_bitset_add(out, (unsigned)node);
        }
        return 0;
}

/* Nodes that the CPUs of a cell's vCPUs belong to. */
static void find_pinned_nodes(const struct sv_topology *t, const struct sv_bitset *cpus,
                              struct sv_bitset *out)
{
        for (size_t i = 0; i < t->n_nodes; i++)
                if (sv_bitset_count_both(cpus, &t->nodes[i].cpus) && t->nodes[i].memory)
                        sv_bitset_add(out, (unsigned)i);
}

/* Sets of CPUs for all vCPUs, as the file has them; and the nodes of each cell, unless the file has
 * those. */
static int take_given_pins(const struct sv_topology *t, const struct sv_guest *g, size_t cells,
                           struct sv_bitset *vcpus, struct sv_bitset *nodes, struct sv_err *err)
{
        struct sv_bitset of_cell = {0};

        for (size_t i = 0; i < g->vcpus; i++) {
                SV_STR at = sv_asprintf("/tuning/cpus/pin/%zu", i);
                size_t cell = i / (g->vcpus / cells);

                if (read_cpu_list(t, g->tune.cpus.pin[i], &vcpus[i], err) < 0)
                        return sv_guest_wrap(g, at, err);
                sv_bitset_join(&of_cell, &vcpus[i]);
                if ((i + 1) % (g->vcpus / cells))
                        continue;
                if (!g->tune.numa.n_nodes)
                        find_pinned_nodes(t, &of_cell, &nodes[cell]);
                of_cell = (struct sv_bitset){0};
        }
        return 0;
}

static int take_given_nodes(const struct sv_topology *t, const struct sv_guest *g,
                            struct sv_bitset *nodes, struct sv_err *err)
{
        for (size_t i = 0; i < g->tune.numa.n_nodes; i++) {
                SV_STR at = sv_asprintf("/tuning/numa/nodes/%zu", i);

                if (read_node_list(t, g->tune.numa.nodes[i], &nodes[i], err) < 0)
                        return sv_guest_wrap(g, at, err);
        }
        return 0;
}

static int take_given_threads(const struct sv_topology *t, const struct sv_guest *g,
                              struct sv_placement *p, struct sv_err *err)
{
        if (g->tune.cpus.emulator && read_cpu_list(t, g->tune.cpus.emulator, &p->emulator, err) < 0)
                return sv_guest_wrap(g, "/tuning/cpus/emulator", err);
        for (size_t i = 0; i < g->tune.cpus.n_iothreads; i++)
                if (read_cpu_list(t, g->tune.cpus.iothreads[i], &p->iothreads[i], err) < 0)
                        return sv_guest_wrap(g, "/tuning/cpus/iothreads", err);
        return 0;
}

/* --- the whole --- */

static void find_device_nodes(const char *root, const struct sv_topology *t,
                              const struct sv_guest *g, struct sv_bitset *near)
{
        for (size_t i = 0; i < g->n_disks; i++)
                sv_topology_add_path(t, root, g->disks[i].path, near);
        for (size_t i = 0; i < g->n_nics; i++)
                if (!strcmp(g->nics[i].type, "bridge"))
                        sv_topology_add_net(t, root, g->nics[i].source, near);
}

static int check_confidential(const struct sv_guest *g, struct sv_err *err)
{
        if (!g->tune.numa.given || g->tune.cpus.n_pin || g->tune.numa.cells < 2)
                return 0;
        sv_fail(err, SV_USAGE, "tuning.numa",
                "a confidential guest's private pages come to lie where the vCPU runs that takes "
                "them first; with several nodes its vCPUs have to be pinned: add \"cpus\": "
                "{\"pin\": \"auto\"}");
        return sv_guest_wrap(g, "/tuning/numa", err);
}

/* What the guest sees between its nodes, as it is between the host's: 10 for one's own, so more
 * than that for another on the same. */
static void show_distances(const struct sv_topology *t, struct sv_tuned *out)
{
        size_t n = out->place.n_cells;

        out->distances = calloc(n * n, sizeof(*out->distances));
        for (size_t i = 0; out->distances && i < n * n; i++) {
                int from = sv_topology_node(t, sv_bitset_next(&out->place.nodes[i / n], 0)),
                    to = sv_topology_node(t, sv_bitset_next(&out->place.nodes[i % n], 0));
                unsigned d = sv_topology_distance(t, (size_t)from, (size_t)to);

                out->distances[i] = i / n == i % n ? 10 : d > 10 ? d : 11;
        }
}

static int place_by_wish(const char *root, const struct sv_topology *t, const struct sv_guest *g,
                         size_t n_cells, const struct sv_bitset *taken, struct sv_tuned *out,
                         struct sv_err *err)
{
        struct sv_place_cell cells[SV_GUEST_CELLS_MAX];
        struct sv_bitset nodes[SV_GUEST_CELLS_MAX] = {0};
        struct sv_bitset *vcpus = calloc(g->vcpus, sizeof(*vcpus));
        bool given = g->tune.cpus.n_pin && !sv_guest_pins_itself(g);
        struct sv_place_wish w = {.cells = cells,
                                  .n_cells = n_cells,
                                  .page_size = g->tune.hugepages,
                                  .pin = sv_guest_pins_itself(g),
                                  .memory_must_fit = out->strict || g->tune.hugepages,
                                  .iothreads = sv_guest_count_iothreads(g)};
        int r = vcpus ? 0 : sv_fail(err, SV_SYSTEM, "base.memory", "no memory for vCPUs");

        for (size_t i = 0; i < n_cells; i++)
                cells[i] =
                        (struct sv_place_cell){g->vcpus / (unsigned)n_cells, g->memory / n_cells};
        if (r == 0)
                r = take_given_nodes(t, g, nodes, err);
        if (r == 0 && given)
                r = take_given_pins(t, g, n_cells, vcpus, nodes, err);
        if (r == 0) {
                if (g->tune.numa.n_nodes || given)
                        w.at = nodes;
                w.given = given ? vcpus : NULL;
                sv_threads_find_own(root, &w.allowed);
                if (taken)
                        w.taken = *taken;
                sv_threads_find_taken(root, 0, &w.taken);
                find_device_nodes(root, t, g, &w.near);
                r = sv_place_guest(t, &w, &out->place, err);
                if (r < 0)
                        sv_guest_wrap(g, g->tune.numa.given ? "/tuning/numa" : "/tuning/cpus", err);
        }
        free(vcpus);
        return r < 0 ? -1 : take_given_threads(t, g, &out->place, err);
}

static int check_mode(const struct sv_guest *g, const struct sv_tuned *t, struct sv_err *err)
{
        for (size_t i = 0; t->bound && i < t->place.n_cells; i++) {
                unsigned n = sv_bitset_count(&t->place.nodes[i]);

                if (!n) {
                        sv_fail(err, SV_USAGE, "tuning.numa",
                                "the CPUs that \"pin\" names belong to nodes without memory; name "
                                "the \"nodes\" of the memory");
                        return sv_guest_wrap(g, "/tuning/numa", err);
                }
                if (n > 1 && !t->strict) {
                        sv_fail(err, SV_USAGE, "tuning.numa",
                                "\"preferred\" means one node of the host for each of the guest's, "
                                "and this one lies at several; take \"strict\", or more \"cells\"");
                        return sv_guest_wrap(g, "/tuning/numa", err);
                }
        }
        return 0;
}

int sv_tune_guest(const char *root, const struct sv_guest *g, bool confidential,
                  const struct sv_bitset *taken, struct sv_tuned *out, struct sv_err *err)
{
        SV_TUNED made = {.bound = g->tune.numa.given,
                         .pinned = asks_placement(g),
                         .strict = g->tune.numa.given &&
                                   (!g->tune.numa.mode || !strcmp(g->tune.numa.mode, "strict"))};
        size_t n_cells = g->tune.numa.cells ? g->tune.numa.cells : 1;
        SV_TOPOLOGY t = {0};

        if (!sv_tune_asks_host(g))
                return 0;
        if (check_devices(root, g, err) < 0)
                return -1;
        if (!asks_placement(g) && !g->tune.hugepages)
                return 0;
        if (sv_topology_read(root, &t, err) < 0)
                return -1;
        if (check_huge_pages(root, &t, g, confidential, err) < 0)
                return sv_guest_wrap(g, "/tuning/hugepages", err);
        if (!asks_placement(g))
                return 0;
        if (confidential && check_confidential(g, err) < 0)
                return -1;
        if (place_by_wish(root, &t, g, n_cells, taken, &made, err) < 0 ||
            check_mode(g, &made, err) < 0)
                return -1;
        if (!confidential && g->tune.numa.cells > 1)
                show_distances(&t, &made);
        *out = made;
        made = (struct sv_tuned){0};
        return 0;
}

/* --- for the record --- */

static void add_set(struct sv_json *list, const struct sv_bitset *s)
{
        SV_BUF text = SV_BUF_NULL;

        sv_bitset_put(s, &text);
        sv_json_add(list, sv_json_new_str(sv_buf_str(&text)));
}

static void put_placement(const struct sv_guest *g, const struct sv_tuned *t, struct sv_json *o)
{
        struct sv_json *vcpus = sv_json_set(o, "vcpus", sv_json_array()),
                       *iothreads = sv_json_set(o, "iothreads", sv_json_array()), *cells;
        SV_BUF emulator = SV_BUF_NULL;

        for (size_t i = 0; i < t->place.n_vcpus; i++)
                add_set(vcpus, &t->place.vcpus[i]);
        for (size_t i = 0; i < t->place.n_iothreads; i++)
                add_set(iothreads, &t->place.iothreads[i]);
        sv_bitset_put(&t->place.emulator, &emulator);
        sv_json_set_str(o, "emulator", sv_buf_str(&emulator));
        if (t->bound) {
                cells = sv_json_set(o, "cells", sv_json_array());
                for (size_t i = 0; i < t->place.n_cells; i++)
                        add_set(cells, &t->place.nodes[i]);
                sv_json_set_str(o, "mode", t->strict ? "strict" : "preferred");
        }
        sv_json_set(o, "reasons", sv_json_ref(t->place.reasons));
}

void sv_tuned_put(const struct sv_guest *g, const struct sv_tuned *t, struct sv_json *status)
{
        struct sv_json *o = sv_json_object(), *disks, *nics;
        bool any = t->pinned || g->tune.hugepages;

        if (t->pinned)
                put_placement(g, t, o);
        if (g->tune.hugepages)
                sv_json_set_int(o, "hugepages", (int64_t)g->tune.hugepages);
        sv_json_set_int(o, "memory", (int64_t)g->memory);
        disks = sv_json_set(o, "disks", sv_json_array());
        for (size_t i = 0; i < g->n_disks; i++) {
                struct sv_json *d = sv_json_add(disks, sv_json_object());

                sv_json_set_str(d, "id", g->disks[i].id);
                if (g->disks[i].tuning.queues)
                        sv_json_set_int(d, "queues", g->disks[i].tuning.queues);
                if (g->disks[i].tuning.iothread)
                        sv_json_set_int(d, "iothread", g->disks[i].tuning.iothread);
                if (g->disks[i].tuning.io)
                        sv_json_set_str(d, "io", g->disks[i].tuning.io);
                any |= sv_json_len(d) > 1;
        }
        nics = sv_json_set(o, "nics", sv_json_array());
        for (size_t i = 0; i < g->n_nics; i++) {
                struct sv_json *n = sv_json_add(nics, sv_json_object());

                if (g->nics[i].tuning.queues)
                        sv_json_set_int(n, "queues", g->nics[i].tuning.queues);
                if (g->nics[i].tuning.vhost_given)
                        sv_json_set_bool(n, "vhost", g->nics[i].tuning.vhost);
                any |= sv_json_len(n) > 0;
        }
        if (any)
                sv_json_set(status, "tuning", o);
        else
                sv_json_free(o);
}
