/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/devices.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/tune/kernel-file.h"
#include "launcher/tune/sys-file.h"
#include "launcher/tune/topology-int.h"

#define STACK_MAX 8 /* bond below VLAN below bridge; dm below dm below md: more is a circle */

/* The last part of what a path leads to; "" when it leads nowhere, or its name is too long. */
static void read_link_name(const char *path, char *out, size_t size)
{
        char *real = realpath(path, NULL);
        const char *name = real ? strrchr(real, '/') : NULL;

        *out = 0;
        if (name && strlen(name + 1) < size)
                memcpy(out, name + 1, strlen(name + 1) + 1);
        free(real);
}

static bool is_pci_address(const char *s)
{
#define X "[0-9a-f]"
        return fnmatch(X X X X ":" X X ":" X X "." X, s, 0) == 0;
#undef X
}

/* A device's node, or that of what it hangs on: a virtio card says none, its PCI device does. */
static int find_device_node(const struct sv_topology *t, const char *path)
{
        char *real = realpath(path, NULL), *slash;
        int node = -1;

        while (node < 0 && real && (slash = strrchr(real, '/')) && slash > real) {
                SV_STR file = sv_asprintf("%s/numa_node", real);
                long long id = sv_kernel_file_number("", file, -1);

                if (id >= 0)
                        node = sv_topology_node(t, (unsigned)id);
                *slash = 0;
                if (!strcmp(slash + 1, "devices"))
                        break;
        }
        free(real);
        /* every CPU is as near to it as any other */
        return node < 0 && t->n_nodes == 1 ? 0 : node;
}

static int add_device(struct sv_topology *t, const struct sv_topo_device *d, struct sv_err *err)
{
        struct sv_topo_device *more;

        if (t->n_devices == SV_TOPO_DEVICES_MAX)
                return sv_fail(err, SV_FORMAT, "tune.topology.format",
                               "at most %d cards, their functions and controllers were expected",
                               SV_TOPO_DEVICES_MAX);
        more = realloc(t->devices, (t->n_devices + 1) * sizeof(*more));
        if (!more)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the list of devices");
        t->devices = more;
        t->devices[t->n_devices++] = *d;
        return 0;
}

static int add_functions(struct sv_topology *t, const char *folder, const char *card,
                         unsigned functions, struct sv_err *err)
{
        for (unsigned i = 0; i < functions; i++) {
                SV_STR path = sv_asprintf("%s/virtfn%u", folder, i);
                SV_STR driver = sv_asprintf("%s/driver", path);
                struct sv_topo_device d = {.kind = SV_TOPO_FUNCTION};

                read_link_name(path, d.pci, sizeof(d.pci));
                if (!is_pci_address(d.pci))
                        return sv_fail(err, SV_FORMAT, "tune.topology.contradiction",
                                       "%s: the card says that it has %u virtual functions, and "
                                       "this is none",
                                       path, functions);
                memcpy(d.name, d.pci, sizeof(d.pci));
                snprintf(d.parent, sizeof(d.parent), "%s", card);
                read_link_name(driver, d.driver, sizeof(d.driver));
                d.node = find_device_node(t, path);
                if (add_device(t, &d, err) < 0)
                        return -1;
        }
        return 0;
}

/* A card, or a controller: what class/NAME/device leads to. */
static int read_device(const char *root, enum sv_topo_kind kind, const char *class,
                       const char *name, struct sv_topology *t, struct sv_err *err)
{
        SV_STR device = sv_asprintf("%s/%s/device", class, name);
        SV_STR full = sv_asprintf("%s%s", root, device);
        SV_STR max = sv_asprintf("%s/sriov_totalvfs", device);
        SV_STR now = sv_asprintf("%s/sriov_numvfs", device);
        struct sv_topo_device d = {.kind = kind};
        uint64_t n = 0, most = 0;

        /* lo, bridges, taps; controllers of a fabric */
        if (strlen(name) >= sizeof(d.name) || access(full, F_OK) < 0)
                return 0;
        memcpy(d.name, name, strlen(name) + 1);
        read_link_name(full, d.pci, sizeof(d.pci));
        if (!is_pci_address(d.pci))
                *d.pci = 0;
        d.node = find_device_node(t, full);
        if (sv_sys_has(root, max) && (sv_sys_read_number(root, max, 65535, &most, err) < 0 ||
                                      sv_sys_read_number(root, now, most, &n, err) < 0))
                return -1;
        d.functions = (unsigned)n;
        d.functions_max = (unsigned)most;
        if (add_device(t, &d, err) < 0)
                return -1;
        return kind == SV_TOPO_NIC ? add_functions(t, full, d.pci, d.functions, err) : 0;
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_shown(const struct dirent *d)
{
        return d->d_name[0] != '.';
}

static int read_class(const char *root, const char *class, enum sv_topo_kind kind,
                      struct sv_topology *t, struct sv_err *err)
{
        SV_STR folder = sv_asprintf("%s%s", root, class);
        struct dirent **list = NULL;
        int n = scandir(folder, &list, is_shown, compare_entries), r = 0;

        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = read_device(root, kind, class, list[i]->d_name, t, err);
                free(list[i]);
        }
        free(list);
        return r;
}

int sv_topo_read_devices(const char *root, struct sv_topology *t, struct sv_err *err)
{
        return read_class(root, "/sys/class/net", SV_TOPO_NIC, t, err) < 0
                       ? -1
                       : read_class(root, "/sys/class/nvme", SV_TOPO_NVME, t, err);
}

/* --- what is stacked --- */

static void add_net_below(const struct sv_topology *t, const char *root, const char *interface,
                          int depth, struct sv_bitset *nodes)
{
        SV_STR folder = sv_asprintf("%s/sys/class/net/%s", root, interface);
        SV_STR device = sv_asprintf("%s/device", folder);
        SV_STR brif = sv_asprintf("%s/brif", folder);
        SV_NAMES names = NULL;
        SV_NAMES ports = NULL;
        int node;

        if (depth > STACK_MAX)
                return;
        if (access(device, F_OK) == 0) {
                node = find_device_node(t, device);
                if (node >= 0)
                        sv_bitset_add(nodes, (unsigned)node);
                return;
        }
        names = sv_kernel_folder_names("", folder);
        for (size_t i = 0; names && names[i]; i++)
                if (!strncmp(names[i], "lower_", 6))
                        add_net_below(t, root, names[i] + 6, depth + 1, nodes);
        ports = sv_kernel_folder_names("", brif);
        for (size_t i = 0; ports && ports[i]; i++)
                add_net_below(t, root, ports[i], depth + 1, nodes);
}

void sv_topology_add_net(const struct sv_topology *t, const char *root, const char *interface,
                         struct sv_bitset *nodes)
{
        if (*interface && *interface != '.' && !strchr(interface, '/'))
                add_net_below(t, root, interface, 0, nodes);
}

static void add_path_below(const struct sv_topology *t, const char *root, const char *path,
                           int depth, struct sv_bitset *nodes);

static void add_block_below(const struct sv_topology *t, const char *root, const char *folder,
                            int depth, struct sv_bitset *nodes)
{
        SV_STR slaves = sv_asprintf("%s/slaves", folder);
        SV_STR partition = sv_asprintf("%s/partition", folder);
        SV_STR disk = sv_asprintf("%s/..", folder);
        SV_STR loop = sv_asprintf("%s/loop/backing_file", folder);
        SV_BUF file = SV_BUF_NULL;
        SV_NAMES names = NULL;
        int node;

        if (depth > STACK_MAX)
                return;
        if (access(partition, F_OK) == 0) {
                add_block_below(t, root, disk, depth + 1, nodes);
                return;
        }
        if (sv_file_read(loop, SV_PATH_MAX, &file, "tune.topology.read", NULL) == 0 && file.n) {
                SV_STR path = sv_asprintf("%.*s", (int)file.n - 1, sv_buf_str(&file));

                add_path_below(t, root, path, depth + 1, nodes);
                return;
        }
        names = sv_kernel_folder_names("", slaves);
        for (size_t i = 0; names && names[i]; i++) {
                SV_STR below = sv_asprintf("%s/%s", slaves, names[i]);

                add_block_below(t, root, below, depth + 1, nodes);
        }
        if (names && names[0])
                return;
        node = find_device_node(t, folder);
        if (node >= 0)
                sv_bitset_add(nodes, (unsigned)node);
}

static void add_number_below(const struct sv_topology *t, const char *root, unsigned major,
                             unsigned minor, int depth, struct sv_bitset *nodes)
{
        SV_STR folder = sv_asprintf("%s/sys/dev/block/%u:%u", root, major, minor);
        char *real = realpath(folder, NULL);

        if (real)
                add_block_below(t, root, real, depth, nodes);
        free(real);
}

static void add_path_below(const struct sv_topology *t, const char *root, const char *path,
                           int depth, struct sv_bitset *nodes)
{
        SV_STR full = sv_asprintf("%s%s", root, path);
        struct stat st;
        dev_t d;

        if (stat(full, &st) < 0)
                return;
        d = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
        add_number_below(t, root, major(d), minor(d), depth, nodes);
}

void sv_topology_add_block(const struct sv_topology *t, const char *root, unsigned major,
                           unsigned minor, struct sv_bitset *nodes)
{
        add_number_below(t, root, major, minor, 0, nodes);
}

void sv_topology_add_path(const struct sv_topology *t, const char *root, const char *path,
                          struct sv_bitset *nodes)
{
        add_path_below(t, root, path, 0, nodes);
}
