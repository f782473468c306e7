/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine is made of: twelve of them, and files that are cut short or contradict. */
#include <sys/sysmacros.h>

#include "launcher/tune/devices.h"
#include "launcher/tune/topology.h"
#include "tests/unit/host_tree.h"
#include "tests/unit/limits.h"

static struct sv_err err;

static char *make_root(const struct host_shape *s)
{
        static unsigned n;
        char *root = sv_asprintf("%s/%u", base, n++);

        if (s)
                put_host(root, s);
        return root;
}

static void read_lists(void **state)
{
        static const char *const good[] = {"", "0", "0-3,8", "8191", "0-8191", "1,3,5-7"};
        static const char *const bad[] = {"-1",    "1-",          "1,",  ",1",    "3-1",
                                          "1-1",   "2,1",         "01",  "1 ",    "1,,2",
                                          "8192",  "0-8192",      "a",   "1\n\n", "1,1",
                                          "0-4,4", "99999999999", "1;2", "1,\n",  "\n1"};
        struct sv_bitset s = {0};

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                SV_STR line = sv_asprintf("%s\n", good[i]);
                SV_BUF out = SV_BUF_NULL;

                OK(sv_bitset_parse(line, SV_CPUS_MAX, &s, "x", "tune.topology.format", &err));
                sv_bitset_put(&s, &out);
                assert_string_equal(sv_buf_str(&out), good[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                FAILS(sv_bitset_parse(bad[i], SV_CPUS_MAX, &s, "x", "tune.topology.format", &err),
                      SV_FORMAT, "tune.topology.format");
}

static void walk_sets(void **state)
{
        struct sv_bitset a = {0}, b = {0};
        unsigned n = 0;

        OK(sv_bitset_parse("0,63-64,127,8191", SV_CPUS_MAX, &a, "x", "x", &err));
        for (unsigned i = sv_bitset_next(&a, 0); i < SV_CPUS_MAX; i = sv_bitset_next(&a, i + 1))
                n++;
        assert_int_equal(n, 5);
        assert_int_equal(sv_bitset_count(&a), 5);
        sv_bitset_add(&b, 64);
        sv_bitset_add(&b, 65);
        assert_int_equal(sv_bitset_count_both(&a, &b), 1);
        assert_false(sv_bitset_within(&b, &a));
        sv_bitset_remove(&b, 65);
        assert_true(sv_bitset_within(&b, &a));
        sv_bitset_drop(&a, &b);
        assert_int_equal(sv_bitset_count(&a), 4);
        sv_bitset_join(&a, &b);
        sv_bitset_keep(&a, &b);
        assert_true(sv_bitset_equal(&a, &b));
        assert_false(sv_bitset_has(&a, SV_CPUS_MAX));
}

/* Each count follows from the shape, and each CPU from its number. */
static void check_host(const struct host_shape *s, const struct sv_topology *t)
{
        unsigned nodes = s->packages * s->nodes, cores = nodes * s->l3s * s->cores;
        unsigned functions = 0, cards = 0;

        assert_int_equal(t->n_cpus, cores * s->threads);
        assert_int_equal(t->n_cores, cores);
        assert_int_equal(t->n_l3s, nodes * s->l3s);
        assert_int_equal(t->n_nodes, nodes + s->memory_only);
        for (size_t i = 0; i < t->n_cpus; i++) {
                const struct sv_topo_cpu *c = &t->cpus[i];
                unsigned core = c->id % cores;

                assert_ptr_equal(c, sv_topology_cpu(t, c->id));
                assert_int_equal(c->core, core);
                assert_int_equal(c->l3, core / s->cores);
                assert_int_equal(c->node, core / (s->cores * s->l3s));
                assert_int_equal(c->package, c->node / s->nodes);
                assert_int_equal(c->isolated, sv_bitset_has(&t->isolated, c->id));
        }
        assert_null(sv_topology_cpu(t, (unsigned)t->n_cpus));
        for (size_t i = 0; i < t->n_nodes; i++) {
                assert_int_equal(t->nodes[i].memory, s->memory);
                assert_int_equal(sv_topology_room(t, i, 2 * MIB), s->pages_2m * 2 * MIB);
                assert_int_equal(sv_topology_room(t, i, GIB), s->pages_1g * GIB);
                assert_int_equal(sv_topology_room(t, i, 64 * 1024), 0);
                assert_int_equal(sv_topology_distance(t, i, i), 10);
        }
        for (unsigned i = 0; i < 6 && s->cards[i].name; i++, cards++)
                functions += s->cards[i].functions;
        assert_int_equal(t->n_devices, cards + functions);
        for (size_t i = 0; i < t->n_devices; i++)
                for (unsigned k = 0; k < cards; k++)
                        if (!strcmp(t->devices[i].name, s->cards[k].name)) {
                                assert_int_equal(t->devices[i].functions, s->cards[k].functions);
                                assert_int_equal(t->devices[i].node,
                                                 nodes == 1 ? 0 : s->cards[k].node);
                        }
}

static void twelve_hosts(void **state)
{
        for (size_t i = 0; i < N_HOSTS; i++) {
                SV_STR root = make_root(&hosts[i]);
                SV_TOPOLOGY t = {0};

                print_message("%s\n", hosts[i].name);
                OK(sv_topology_read(root, &t, &err));
                check_host(&hosts[i], &t);
                OK(sv_remove_tree(root, &err));
        }
}

#define EPYC (&hosts[3])
#define C    "sys/devices/system/cpu/"
#define N    "sys/devices/system/node/"

static void refused(void **state)
{
        static const struct {
                const char *path, *text, *check; /* text NULL: the file is not there */
        } t[] = {
                {C "online", NULL, "tune.topology.read"},
                {C "online", "", "tune.topology.format"},
                {C "online", "\n", "tune.topology.format"},
                {C "online", "0-127", "tune.topology.format"},
                {C "online", "0-127,\n", "tune.topology.format"},
                {C "online", "0-128\n", "tune.topology.read"},
                {C "isolated", "x\n", "tune.topology.format"},
                {C "cpu5/topology/physical_package_id", "-1\n", "tune.topology.format"},
                {C "cpu5/topology/physical_package_id", "8192\n", "tune.topology.format"},
                {C "cpu5/topology/physical_package_id", "0", "tune.topology.format"},
                {C "cpu5/topology/thread_siblings_list", "5\n", "tune.topology.contradiction"},
                {C "cpu5/topology/thread_siblings_list", "69\n", "tune.topology.contradiction"},
                {C "cpu69/topology/thread_siblings_list", "69\n", "tune.topology.contradiction"},
                {C "cpu5/topology/thread_siblings_list", "5,128\n", "tune.topology.contradiction"},
                {C "cpu5/topology/thread_siblings_list", NULL, "tune.topology.read"},
                {C "cpu0/cache/index1/level", "9\n", "tune.topology.format"},
                {C "cpu9/cache/index1/shared_cpu_list", "8-11\n", "tune.topology.contradiction"},
                {C "cpu9/cache/index1/shared_cpu_list", "8-11,72-7\n", "tune.topology.format"},
                {N "online", "0-4\n", "tune.topology.format"},
                {N "online", "0-2,4\n", "tune.topology.read"},
                {N "online", "0-2\n", "tune.topology.format"},
                {N "online", "\n", "tune.topology.format"},
                {N "online", "0-1023,1024\n", "tune.topology.format"},
                {N "node1/cpulist", "16-31\n", "tune.topology.contradiction"},
                {N "node1/cpulist", "15-31,80-95\n", "tune.topology.contradiction"},
                {N "node1/distance", "12 10 12\n", "tune.topology.format"},
                {N "node1/distance", "12 10 12 12 12\n", "tune.topology.format"},
                {N "node1/distance", "12 10 12 9\n", "tune.topology.format"},
                {N "node1/distance", "12 10 12 12", "tune.topology.format"},
                {N "node1/distance", "12 10 12 256\n", "tune.topology.format"},
                {N "node1/distance", "12 13 14 14\n", "tune.topology.contradiction"},
                {N "node1/meminfo", "Node 1 MemTotal: 100 kB\n", "tune.topology.format"},
                {N "node1/meminfo",
                 "Node 1 MemTotal: 1 kB\nNode 1 MemFree: 2 kB\nNode 1 "
                 "Inactive(file): 0 kB\n",
                 "tune.topology.contradiction"},
                {N "node1/meminfo",
                 "Node 1 MemTotal: 1 kB\nNode 1 MemFree: 1\nNode 1 "
                 "Inactive(file): 0 kB\n",
                 "tune.topology.format"},
                {N "node1/hugepages/hugepages-2048kB/free_hugepages", "1\n",
                 "tune.topology.contradiction"},
                {N "node1/hugepages/hugepages-2048kB/free_hugepages", "4294967296\n",
                 "tune.topology.format"},
                {N "node1/hugepages/hugepages-2048kB/nr_hugepages", NULL, "tune.topology.read"},
                {"sys/devices/pci0000:21/0000:21:00.0/sriov_numvfs", "65\n",
                 "tune.topology.format"},
                {"sys/devices/pci0000:21/0000:21:00.0/sriov_numvfs", "9\n",
                 "tune.topology.contradiction"},
        };
        SV_STR root = make_root(EPYC);

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR path = sv_asprintf("%s/%s", root, t[i].path);
                enum sv_class class =
                        !strcmp(t[i].check, "tune.topology.read") ? SV_SYSTEM : SV_FORMAT;
                SV_BUF old = SV_BUF_NULL;
                SV_TOPOLOGY topology = {0};

                print_message("%s: %s", t[i].path, t[i].text ? t[i].text : "(none)\n");
                OK(sv_file_read(path, 4096, &old, "x", &err));
                if (t[i].text)
                        put_host_file(root, t[i].text, "%s", t[i].path);
                else
                        assert_int_equal(unlink(path), 0);
                FAILS(sv_topology_read(root, &topology, &err), class, t[i].check);
                assert_null(topology.cpus);
                put_host_file(root, sv_buf_str(&old), "%s", t[i].path);
                OK(sv_topology_read(root, &topology, &err));
        }
}

/* A kernel without NUMA; a virtual machine whose processor shows no third cache; the machine itself
 * is what it is. */
static void plain_machines(void **state)
{
        SV_STR root = make_root(&hosts[1]);
        SV_STR nodes = sv_asprintf("%s/" N, root);
        SV_STR level = sv_asprintf("%s/" C "cpu0/cache/index1/level", root);
        SV_TOPOLOGY t = {0}, own = {0};

        OK(sv_remove_tree(nodes, &err));
        assert_int_equal(unlink(level), 0);
        put_host_file(root,
                      "MemTotal:  1000 kB\nMemFree:   300 kB\nMemAvailable: 1 kB\nInactive(file): "
                      "200 kB\n",
                      "proc/meminfo");
        put_host_file(root, "4\n", "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
        put_host_file(root, "3\n", "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
        for (unsigned i = 0; i < 16; i++)
                put_host_file(root, "0-15\n", C "cpu%u/topology/core_siblings_list", i);
        OK(sv_topology_read(root, &t, &err));
        assert_int_equal(t.n_nodes, 1);
        assert_int_equal(t.n_l3s, 1);
        assert_int_equal(t.nodes[0].free, 500 << 10);
        assert_int_equal(sv_topology_room(&t, 0, 2 * MIB), 6 * MIB);
        assert_int_equal(sv_topology_distance(&t, 0, 0), 10);
        if (access("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", R_OK) == 0) {
                OK(sv_topology_read("", &own, &err));
                assert_true(own.n_cpus > 0 && own.n_nodes > 0);
        }
}

/* A processor with two kinds of cores, and two small ones beside the cache of the others. */
static void hybrid(void **state)
{
        SV_STR root = make_root(&hosts[0]);
        SV_STR far = NULL;
        SV_TOPOLOGY t = {0};

        put_host_file(root, "2\n", C "cpu0/cache/index1/level");
        put_host_file(root, "3\n", C "cpu0/cache/index2/level");
        for (unsigned i = 0; i < 6; i++)
                put_host_file(root, "0-5\n", C "cpu%u/cache/index2/shared_cpu_list", i);
        for (unsigned i = 6; i < 8; i++) {
                put_host_file(root, "1\n", C "cpu%u/cache/index0/level", i);
                put_host_file(root, "2\n", C "cpu%u/cache/index1/level", i);
                put_host_file(root, "6-7\n", C "cpu%u/cache/index1/shared_cpu_list", i);
        }
        OK(sv_topology_read(root, &t, &err));
        assert_int_equal(t.n_l3s, 2);
        assert_int_equal(sv_topology_cpu(&t, 5)->l3, sv_topology_cpu(&t, 0)->l3);
        assert_int_equal(sv_topology_cpu(&t, 6)->l3, sv_topology_cpu(&t, 7)->l3);
        assert_int_not_equal(sv_topology_cpu(&t, 6)->l3, sv_topology_cpu(&t, 0)->l3);
        sv_topology_free(&t);
        /* one without a word of a cache is of its package, and that names what is not its own */
        far = sv_asprintf("%s/" C "cpu7/cache", root);
        OK(sv_remove_tree(far, &err));
        put_host_file(root, "0-7\n", C "cpu7/topology/package_cpus_list");
        FAILS(sv_topology_read(root, &t, &err), SV_FORMAT, "tune.topology.contradiction");
}

/* lxcfs shows the CPUs that a container may use as those that are online, all else is the host's.
 */
static void cut_to_a_cpuset(void **state)
{
        SV_STR root = make_root(EPYC);
        SV_TOPOLOGY t = {0};

        put_host_file(root, "1\n", C "cpu2/cache/index0/level");
        put_host_file(root, "3\n", C "cpu2/cache/index1/level");
        put_host_file(root, "2-5,18,66-67\n", C "online");
        OK(sv_topology_read(root, &t, &err));
        assert_int_equal(t.n_cpus, 7);
        assert_int_equal(t.n_cores, 5); /* 2 with 66, 3 with 67, 4, 5, 18 */
        assert_int_equal(sv_topology_cpu(&t, 66)->core, sv_topology_cpu(&t, 2)->core);
        assert_int_equal(sv_bitset_count(&t.nodes[0].cpus), 6);
        assert_int_equal(sv_bitset_count(&t.nodes[1].cpus), 1);
        assert_int_equal(sv_topology_cpu(&t, 18)->node, 1);
        sv_topology_free(&t);
        put_host_file(root, "2,16-31,80-95\n", N "node1/cpulist"); /* 2 is of node 0, too */
        FAILS(sv_topology_read(root, &t, &err), SV_FORMAT, "tune.topology.contradiction");
}

static void has_nodes(const struct sv_bitset *nodes, const char *list)
{
        SV_BUF out = SV_BUF_NULL;

        sv_bitset_put(nodes, &out);
        assert_string_equal(sv_buf_str(&out), list);
}

static void net_nodes(const struct sv_topology *t, const char *root, const char *name,
                      const char *list)
{
        struct sv_bitset nodes = {0};

        sv_topology_add_net(t, root, name, &nodes);
        has_nodes(&nodes, list);
}

static void stacked(void **state)
{
        struct host_shape s = *EPYC;
        SV_STR root = NULL;
        SV_STR number = NULL;
        SV_TOPOLOGY t = {0};
        struct sv_bitset nodes = {0};
        struct stat st;

        s.cards[2] = (struct host_card){"enp2s0", 3, 0, 0};
        root = make_root(&s);
        put_host_file(root, "", "sys/class/net/br0/brif/vlan7/x");
        put_host_file(root, "", "sys/class/net/br0/brif/tap0/x");
        put_host_file(root, "", "sys/class/net/tap0/x");
        put_host_file(root, "", "sys/class/net/vlan7/lower_bond0/x");
        put_host_file(root, "", "sys/class/net/bond0/lower_enp1s0/x");
        put_host_file(root, "", "sys/class/net/bond0/lower_enp2s0/x");
        put_host_file(root, "", "sys/class/net/a/lower_b/x");
        put_host_file(root, "", "sys/class/net/b/lower_a/x");
        OK(sv_topology_read(root, &t, &err));
        net_nodes(&t, root, "br0", "2-3");
        net_nodes(&t, root, "enp2s0", "3");
        net_nodes(&t, root, "tap0", "");
        net_nodes(&t, root, "none", "");
        net_nodes(&t, root, "a", "");
        net_nodes(&t, root, "..", "");
        net_nodes(&t, root, "", "");
        /* a partition of an NVMe disk, below a dm device that a loop device's file lies on */
        put_host_file(root, "1\n",
                      "sys/devices/pci0000:22/0000:22:00.0/nvme/nvme0/nvme0n1/nvme0n1p1/partition");
        put_host_link(root, "../../../../pci0000:22/0000:22:00.0/nvme/nvme0/nvme0n1/nvme0n1p1",
                      "sys/devices/virtual/block/dm-0/slaves/nvme0n1p1");
        put_host_link(root, "../../devices/virtual/block/dm-0", "sys/dev/block/253:0");
        sv_topology_add_block(&t, root, 253, 0, &nodes);
        has_nodes(&nodes, "1");
        put_host_file(root, "data", "var/disk.img");
        put_host_file(root, "/var/disk.img\n", "sys/devices/virtual/block/loop0/loop/backing_file");
        put_host_link(root, "../../devices/virtual/block/loop0", "sys/dev/block/7:0");
        number = sv_asprintf("%s/var/disk.img", root);
        assert_int_equal(stat(number, &st), 0);
        sv_strfreep(&number);
        number = sv_asprintf("sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
        put_host_link(root, "../../devices/virtual/block/dm-0", number);
        nodes = (struct sv_bitset){0};
        sv_topology_add_block(&t, root, 7, 0, &nodes);
        has_nodes(&nodes, "1");
        nodes = (struct sv_bitset){0};
        sv_topology_add_block(&t, root, 8, 0, &nodes);
        sv_topology_add_path(&t, root, "/none", &nodes);
        has_nodes(&nodes, "");
        /* a file that lies on itself ends */
        put_host_link(root, "../../devices/virtual/block/loop0", number);
        sv_topology_add_path(&t, root, "/var/disk.img", &nodes);
        has_nodes(&nodes, "");
}

/* --- limits --- */

static int take_cpus(size_t n, struct sv_err *e)
{
        SV_STR text = sv_asprintf("0-%zu\n", n - 1);
        struct sv_bitset s = {0};

        return sv_bitset_parse(text, SV_CPUS_MAX, &s, "x", "tune.topology.format", e);
}

/* One CPU, so many nodes, caches, sizes of pages, functions, bytes. */
static const struct host_shape tiny = {.packages = 1,
                                       .nodes = 1,
                                       .l3s = 1,
                                       .cores = 1,
                                       .threads = 1,
                                       .near = 12,
                                       .far = 12,
                                       .memory = 4 * GIB,
                                       .free = 2 * GIB,
                                       .cards = {{"eno1", 0, 1, 65535}}};

static int read_root(const char *root, struct sv_err *e)
{
        SV_TOPOLOGY t = {0};
        int r = sv_topology_read(root, &t, e);
        SV_STR path = sv_asprintf("%s", root);

        sv_remove_tree(path, NULL);
        return r;
}

static int take_nodes(size_t n, struct sv_err *e)
{
        struct host_shape s = tiny;
        SV_STR root = make_root(&s);
        SV_BUF row = SV_BUF_NULL;
        char list[32];

        for (size_t i = 0; i < n; i++)
                sv_buf_puts(&row, i ? " 10" : "10");
        sv_buf_puts(&row, "\n");
        for (unsigned i = 0; i < n; i++) {
                put_host_file(root, i ? "\n" : "0\n", N "node%u/cpulist", i);
                put_host_file(root, sv_buf_str(&row), N "node%u/distance", i);
                put_host_file(root, "MemTotal: 1 kB\nMemFree: 0 kB\nInactive(file): 0 kB\n",
                              N "node%u/meminfo", i);
        }
        snprintf(list, sizeof(list), "0-%zu\n", n - 1);
        put_host_file(root, list, N "online");
        return read_root(root, e);
}

static int take_page_sizes(size_t n, struct sv_err *e)
{
        SV_STR root = make_root(&tiny);
        SV_STR old = sv_asprintf("%s/" N "node0/hugepages", root);

        OK(sv_remove_tree(old, &err));
        for (unsigned i = 0; i < n; i++) {
                put_host_file(root, "0\n", N "node0/hugepages/hugepages-%ukB/nr_hugepages",
                              64u << i);
                put_host_file(root, "0\n", N "node0/hugepages/hugepages-%ukB/free_hugepages",
                              64u << i);
        }
        return read_root(root, e);
}

static int take_devices(size_t n, struct sv_err *e)
{
        SV_STR root = make_root(&tiny);
        char text[32];

        /* the card itself, and the same function ever again */
        for (unsigned i = 1; i + 1 < n; i++) {
                SV_STR name = sv_asprintf("sys/devices/pci0000:21/0000:21:00.0/virtfn%u", i);

                put_host_link(root, "../0000:21:10.0", name);
        }
        snprintf(text, sizeof(text), "%zu\n", n - 1);
        put_host_file(root, text, "sys/devices/pci0000:21/0000:21:00.0/sriov_numvfs");
        return read_root(root, e);
}

static int take_bytes(size_t n, struct sv_err *e)
{
        SV_STR root = make_root(&tiny);
        SV_BUF text = SV_BUF_NULL;

        sv_buf_puts(&text, "MemTotal: 1 kB\nMemFree: 0 kB\nInactive(file): 0 kB\n");
        memset(sv_buf_grow(&text, n - text.n), '\n', n - text.n);
        put_host_file(root, sv_buf_str(&text), N "node0/meminfo");
        return read_root(root, e);
}

static void limits(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_CPUS_MAX, 1, take_cpus, SV_FORMAT, "tune.topology.format"),
                LIMIT(SV_NODES_MAX, 1, take_nodes, SV_FORMAT, "tune.topology.format"),
                LIMIT(SV_PAGE_SIZES_MAX, 1, take_page_sizes, SV_FORMAT, "tune.topology.format"),
                LIMIT(SV_TOPO_DEVICES_MAX, 1, take_devices, SV_FORMAT, "tune.topology.format"),
                LIMIT(SV_SYSFS_SIZE_MAX, 1, take_bytes, SV_FORMAT, "tune.topology.read"),
        };

        try_limits(cases, sizeof(cases) / sizeof(*cases));
}

/* Caches beyond the limit are not looked at: a machine has four. */
static void many_caches(void **state)
{
        SV_STR root = make_root(&tiny);
        SV_TOPOLOGY t = {0};

        for (unsigned i = 1; i <= SV_CACHES_MAX; i++)
                put_host_file(root, i < SV_CACHES_MAX ? "2\n" : "x\n", C "cpu0/cache/index%u/level",
                              i);
        OK(sv_topology_read(root, &t, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(read_lists),      cmocka_unit_test(walk_sets),
                cmocka_unit_test(twelve_hosts),    cmocka_unit_test(refused),
                cmocka_unit_test(plain_machines),  cmocka_unit_test(hybrid),
                cmocka_unit_test(cut_to_a_cpuset), cmocka_unit_test(stacked),
                cmocka_unit_test(limits),          cmocka_unit_test(many_caches),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
