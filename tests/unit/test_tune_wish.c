/* SPDX-License-Identifier: Apache-2.0 */
/* From the guest file and a host's files to CPUs and nodes; and what the host cannot give. */
#include <sys/stat.h>

#include "launcher/keeper/tune-for.h"
#include "launcher/tune/growth.h"
#include "launcher/tune/owners.h"
#include "launcher/tune/threads.h"
#include "launcher/tune/trust.h"
#include "launcher/tune/wish.h"
#include "tests/unit/host_tree.h"

static struct sv_err err;

static void parse(const char *more, struct sv_guest *g)
{
        SV_STR text = sv_asprintf("{\n\"name\":\"g\",\n\"kernel\":\"k\",\n\"vcpus\":4,\n"
                                  "\"memory\":\"4GiB\",\n%s}",
                                  more);

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/d", g, &err));
}

static void put_thread(unsigned pid, unsigned tid, const char *name, const char *cpus)
{
        SV_STR line = sv_asprintf("%s\n", name);
        SV_STR status = sv_asprintf("Name:\t%s\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\n"
                                    "Mems_allowed_list:\t0-3\n",
                                    name, cpus);

        put_host_file(base, line, "proc/%u/task/%u/comm", pid, tid);
        put_host_file(base, status, "proc/%u/task/%u/status", pid, tid);
        if (pid == tid)
                put_host_file(base, line, "proc/%u/comm", pid);
}

static void is_list(const struct sv_bitset *s, const char *list)
{
        SV_BUF out = SV_BUF_NULL;

        sv_bitset_put(s, &out);
        assert_string_equal(sv_buf_str(&out), list);
}

static void tune(const char *more, bool confidential, struct sv_tuned *t)
{
        SV_GUEST g = {0};

        parse(more, &g);
        OK(sv_tune_guest(base, &g, confidential, NULL, t, &err));
}

/* The host: an EPYC with four nodes of 16 cores, a card at node 2 below br0, an NVMe at node 1. */
static void decided(void **state)
{
        SV_TUNED none = {0}, near = {0}, cells = {0}, pins = {0}, secret = {0}, float_ = {0};
        SV_JSON *status = sv_json_object();
        SV_GUEST g = {0};

        tune("\"tees\":{}", false, &none);
        assert_true(!none.pinned && !none.bound && !none.place.n_vcpus);
        tune("\"nics\":[{\"type\":\"bridge\",\"source\":\"br0\"}],\"tuning\":{\"cpus\":{\"pin\":"
             "\"auto\"}}",
             false, &near);
        assert_true(near.pinned && !near.bound);
        is_list(&near.place.nodes[0], "2");
        /* 33 is another guest's, so its core is not taken; 32 is for the other threads */
        is_list(&near.place.vcpus[0], "34");
        is_list(&near.place.vcpus[1], "98");
        is_list(&near.place.emulator, "32,96");
        tune("\"tuning\":{\"numa\":{\"cells\":2},\"cpus\":{\"pin\":\"auto\"}}", false, &cells);
        assert_true(cells.bound && cells.strict);
        assert_int_equal(cells.distances[1], 11); /* both on one node */
        tune("\"tuning\":{\"numa\":{\"cells\":2,\"nodes\":[\"0\",\"3\"]},\"cpus\":{\"pin\":"
             "\"auto\","
             "\"emulator\":\"7\"}}",
             true, &secret);
        is_list(&secret.place.nodes[1], "3");
        is_list(&secret.place.emulator, "7");
        assert_null(secret.distances);
        tune("\"tuning\":{\"numa\":{\"mode\":\"preferred\"}}", false, &float_);
        assert_true(float_.bound && !float_.strict);
        assert_int_equal(sv_bitset_count(&float_.place.vcpus[3]), 32);
        parse("\"disks\":[{\"path\":\"/x\",\"tuning\":{\"iothread\":1,\"queues\":2}}],\"tuning\":{"
              "\"numa\":{},\"cpus\":{\"pin\":[\"20\",\"21\",\"40\",\"41-42\"],\"iothreads\":[\"9\"]"
              "}}",
              &g);
        OK(sv_tune_guest(base, &g, false, NULL, &pins, &err));
        is_list(&pins.place.nodes[0], "1-2");
        is_list(&pins.place.vcpus[3], "41-42");
        is_list(&pins.place.iothreads[0], "9");
        sv_tuned_put(&g, &pins, status);
        assert_string_equal(sv_json_str(sv_json_pointer(status, "/tuning/vcpus/3")), "41-42");
        assert_string_equal(sv_json_str(sv_json_pointer(status, "/tuning/cells/0")), "1-2");
        assert_string_equal(sv_json_str(sv_json_pointer(status, "/tuning/mode")), "strict");
        assert_int_equal(sv_json_int(sv_json_pointer(status, "/tuning/disks/0/queues"), 0), 2);
        assert_string_equal(sv_json_str(sv_json_pointer(status, "/tuning/reasons/1/why")),
                            "the guest file says so");
}

static void refused(void **state)
{
        static const struct {
                const char *more, *check, *place;
                enum sv_class class;
                bool confidential;
        } t[] = {
                {"\"tuning\":{\n\"cpus\":{\"pin\":[\"0\",\"1\",\"2\",\"128\"]}}", "tuning.cpus",
                 ":7: /tuning/cpus/pin/3: ", SV_USAGE},
                {"\"tuning\":{\"cpus\":{\"pin\":[\"0\",\"1\",\"2\",\"3-1\"]}}", "tuning.cpus",
                 "3-1", SV_USAGE},
                {"\"tuning\":{\"cpus\":{\"emulator\":\"200\"}}", "tuning.cpus",
                 "/emulator: ", SV_USAGE},
                {"\"tuning\":{\"numa\":{\"nodes\":[\"4\"]}}", "tuning.numa", "no node 4", SV_USAGE},
                {"\"tuning\":{\"numa\":{\"nodes\":[\"2000\"]}}", "tuning.numa", "2000", SV_USAGE},
                {"\"tuning\":{\"numa\":{\"nodes\":[\"0-1\"],\"mode\":\"preferred\"}}",
                 "tuning.numa", "several", SV_USAGE},
                {"\"tuning\":{\"numa\":{\"cells\":2}}", "tuning.numa", "pinned", SV_USAGE, true},
                {"\"memory\":\"400GiB\",\"tuning\":{\"numa\":{\"nodes\":[\"0\"]}}",
                 "tune.place.memory", "node 0", SV_SYSTEM},
                {"\"vcpus\":64,\"tuning\":{\"numa\":{\"nodes\":[\"0\"]},\"cpus\":{\"pin\":\"auto\"}"
                 "}",
                 "tune.place.cpus", "found 32", SV_SYSTEM},
                {"\"vcpus\":256,\"tuning\":{\"cpus\":{\"pin\":\"auto\"}}", "tune.place.cpus",
                 "/tuning/cpus: ", SV_SYSTEM},
                {"\"tuning\":{\"hugepages\":\"2MiB\"}", "tuning.hugepages", "2048 pages",
                 SV_SYSTEM},
                {"\"tuning\":{\"hugepages\":\"16MiB\"}", "tuning.hugepages", "none of that size",
                 SV_SYSTEM},
                {"\"tuning\":{\"hugepages\":\"2MiB\"}", "tuning.hugepages", "guest_memfd", SV_USAGE,
                 true},
                {"\"disks\":[{\"path\":\"/x\",\"tuning\":{\"io\":\"io_uring\"}}]", "tuning.io",
                 "/disks/0/tuning/io: ", SV_SYSTEM},
                {"\"nics\":[{\"type\":\"bridge\",\"source\":\"b\",\"tuning\":{\"vhost\":true}}]",
                 "tuning.vhost", "modprobe", SV_SYSTEM},
        };

        put_host_file(base, "2\n", "proc/sys/kernel/io_uring_disabled");
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR text =
                        sv_asprintf("{\n\"name\":\"g\",\n\"kernel\":\"k\",\n%s%s}",
                                    strstr(t[i].more, "vcpus")    ? "\"memory\":\"4GiB\",\n\n"
                                    : strstr(t[i].more, "memory") ? "\"vcpus\":4,\n\n"
                                                                  : "\"vcpus\":4,\n\"memory\":"
                                                                    "\"4GiB\",\n",
                                    t[i].more);
                SV_TUNED tuned = {0};
                SV_GUEST g = {0};

                print_message("%s\n", t[i].more);
                OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/d", &g, &err));
                FAILS(sv_tune_guest(base, &g, t[i].confidential, NULL, &tuned, &err), t[i].class,
                      t[i].check);
                if (!strstr(err.msg, t[i].place) || strncmp(err.msg, "g.json:", 7))
                        fail_msg("\"%s\" is not in \"%s\"", t[i].place, err.msg);
                assert_null(tuned.place.vcpus);
        }
        put_host_file(base, "0\n", "proc/sys/kernel/io_uring_disabled");
        put_host_file(base, "", "dev/vhost-net");
        for (size_t i = 13; i < 15; i++) {
                SV_TUNED tuned = {0};

                tune(t[i].more, false, &tuned);
        }
}

/* What it gets while it runs lies on the same pages, of the nodes of its first cell. */
static void growth(void **state)
{
#define GROWN(tuning) "{\"memory\":1073741824,\"tuning\":{" tuning "}}"
        static const struct {
                const char *status;
                uint64_t memory;
                const char *says; /* NULL: there is room */
        } t[] = {
                {"{\"memory\":1}", 99 * GIB, NULL},
                {GROWN("\"memory\":1"), 99 * GIB, NULL},
                /* 3 + 5 pages are free on nodes 1 and 2 */
                {GROWN("\"hugepages\":2097152"), GIB + 16 * MIB, NULL},
                {GROWN("\"hugepages\":2097152"), GIB + 18 * MIB,
                 "needs 9 more pages of 2048 KiB and 8 are free;"},
                {GROWN("\"hugepages\":2097152"), GIB, NULL},
                {GROWN("\"hugepages\":2097152,\"cells\":[\"1\",\"2\"],\"mode\":\"strict\""),
                 GIB + 6 * MIB, NULL},
                {GROWN("\"hugepages\":2097152,\"cells\":[\"1\",\"2\"],\"mode\":\"strict\""),
                 GIB + 8 * MIB, "needs 4 more pages of 2048 KiB and 3 are free on the nodes"},
                {GROWN("\"hugepages\":2097152,\"cells\":[\"1-2\"],\"mode\":\"strict\""),
                 GIB + 16 * MIB, NULL},
                {GROWN("\"hugepages\":2097152,\"cells\":[\"1\"],\"mode\":\"preferred\""),
                 GIB + 16 * MIB, NULL},
                {GROWN("\"hugepages\":1073741824"), 2 * GIB, "needs 1 more pages of 1048576 KiB"},
                /* what it has by now is not needed again */
                {"{\"memory\":1073741824,\"memory_now\":2147483648,\"tuning\":{\"hugepages\":"
                 "2097152}}",
                 2 * GIB + 16 * MIB, NULL},
        };
        static const char pages[] = "sys/devices/system/node/node%u/hugepages/hugepages-2048kB/%s";

        for (unsigned node = 1; node <= 2; node++) {
                put_host_file(base, "9\n", pages, node, "nr_hugepages");
                put_host_file(base, node == 1 ? "3\n" : "5\n", pages, node, "free_hugepages");
        }
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_JSON *status = NULL;

                print_message("%s\n", t[i].status);
                OK(sv_json_parse(sv_bytes_str(t[i].status), "t", &status, &err));
                if (!t[i].says) {
                        OK(sv_tune_check_growth(base, status, t[i].memory, &err));
                        continue;
                }
                FAILS(sv_tune_check_growth(base, status, t[i].memory, &err), SV_SYSTEM,
                      "tuning.hugepages");
                if (!strstr(err.msg, t[i].says))
                        fail_msg("\"%s\" is not in \"%s\"", t[i].says, err.msg);
        }
        for (unsigned node = 1; node <= 2; node++) {
                put_host_file(base, "0\n", pages, node, "nr_hugepages");
                put_host_file(base, "0\n", pages, node, "free_hugepages");
        }
}

/* Nodes without memory, and another machine. */
static void elsewhere(void **state)
{
        static const struct sv_tee id = {.name = "plain"};
        static const struct sv_tee_host tee = {.id = &id};
        SV_TUNED tuned = {0};
        SV_GUEST g = {0}, plain = {0};
        SV_STR old = sv_asprintf("%s/sys/devices/system/node/node3/meminfo", base);
        SV_BUF kept = SV_BUF_NULL;

        parse("\"tuning\":{\"numa\":{\"nodes\":[\"3\"]}}", &g);
        parse("\"tuning\":{\"memory\":{\"locked\":true}}", &plain);
        OK(sv_file_read(old, 4096, &kept, "x", &err));
        put_host_file(base, "MemTotal: 0 kB\nMemFree: 0 kB\nInactive(file): 0 kB\n",
                      "sys/devices/system/node/node3/meminfo");
        for (int i = 0; i < 2; i++) {
                put_host_file(
                        base, "0\n",
                        "sys/devices/system/node/node3/hugepages/hugepages-2048kB/%s_hugepages",
                        i ? "nr" : "free");
        }
        FAILS(sv_tune_guest(base, &g, false, NULL, &tuned, &err), SV_USAGE, "tuning.numa");
        put_host_file(base, sv_buf_str(&kept), "sys/devices/system/node/node3/meminfo");
        FAILS(sv_tune_for("qemu+ssh://far/system", &g, &tee, &tuned, &err), SV_USAGE,
              "tuning.remote");
        OK(sv_tune_for("qemu+ssh://far/system", &plain, &tee, &tuned, &err));
}

/* Free pages alone are not enough: QEMU takes them from a mount of that size. */
static void mounted_pages(void **state)
{
#define MOUNT(size) "x /dev/hugepages hugetlbfs rw,relatime,pagesize=" size " 0 0\n"
        static const char pages[] = "sys/devices/system/node/node1/hugepages/hugepages-2048kB/%s";
        static const struct {
                const char *mounts;
                bool enough;
        } t[] = {
                {MOUNT("2M"), true},
                {"proc /proc proc rw 0 0\n" MOUNT("1024M") MOUNT("2048K"), true},
                {MOUNT("1024M"), false},
                {MOUNT("2G") "x /2 tmpfs rw,pagesize=2M 0 0\n", false},
                {"x /a hugetlbfs rw 0 0\nx /pagesize=2M ext4 rw 0 0\n", false},
                {"proc /proc proc rw 0 0\n", false},
        };
        SV_STR file = sv_asprintf("%s/proc/mounts", base);
        SV_GUEST g = {0};

        parse("\"tuning\":{\"hugepages\":\"2MiB\"}", &g);
        put_host_file(base, "2048\n", pages, "nr_hugepages");
        put_host_file(base, "2048\n", pages, "free_hugepages");
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_TUNED tuned = {0};

                put_host_file(base, t[i].mounts, "proc/mounts");
                print_message("%s", t[i].mounts);
                if (t[i].enough)
                        OK(sv_tune_guest(base, &g, false, NULL, &tuned, &err));
                else
                        FAILS(sv_tune_guest(base, &g, false, NULL, &tuned, &err), SV_SYSTEM,
                              "tuning.hugepages");
        }
        assert_non_null(strstr(err.msg, "pagesize=2048K"));
        OK(unlink(file));
        put_host_file(base, "0\n", pages, "nr_hugepages");
        put_host_file(base, "0\n", pages, "free_hugepages");
}

/* What cannot be opened for direct I/O does none. */
static void caches(void **state)
{
        SV_GUEST plain = {0}, none = {0}, native = {0};

        parse("\"disks\":[{\"path\":\"/nowhere\",\"tuning\":{\"cache\":\"none\"}}]", &none);
        parse("\"disks\":[{\"path\":\"/nowhere\",\"tuning\":{\"io\":\"native\"}}]", &native);
        parse("\"disks\":[{\"path\":\"/nowhere\",\"tuning\":{\"cache\":\"writeback\"}}]", &plain);
        none.owner = plain.owner = native.owner = geteuid();
        FAILS(sv_tune_check_cache(&none, &none.disks[0], &err), SV_USAGE, "tuning.cache");
        FAILS(sv_tune_check_cache(&native, &native.disks[0], &err), SV_USAGE, "tuning.cache");
        OK(sv_tune_check_cache(&plain, &plain.disks[0], &err));
}

static void own_threads(void **state)
{
        struct sv_thread *threads = NULL;
        struct sv_bitset taken = {0};
        size_t n;

        OK(sv_threads_read(base, 700, &threads, &n, &err));
        assert_int_equal(n, 3);
        assert_string_equal(threads[1].name, "CPU 0/KVM");
        is_list(&threads[1].cpus, "33");
        free(threads);
        sv_threads_find_taken(base, 0, &taken);
        is_list(&taken, "33");
        taken = (struct sv_bitset){0};
        sv_threads_find_taken(base, 700, &taken);
        is_list(&taken, "");
        FAILS(sv_threads_read(base, 999, &threads, &n, &err), SV_SYSTEM, "tune.threads");
}

/* Anybody may have a process of that name. */
static void trusted_users(void **state)
{
        static const struct {
                uid_t uid;
                bool trusted;
        } t[] = {{0, true},        {64055, true},    {1000, false}, {2000000, true},
                 {2000002, false}, {2000004, false}, {3000, false}, {107, true}};
        struct sv_bitset online = {0}, taken = {0};
        struct sv_tune_processes found = {0};
        SV_STR folder = sv_asprintf("%s/proc/700", base);

        put_host_file(base,
                      "root:x:0:0::/root:/bin/sh\nlibvirt-qemu:x:64055:64055::/:/bin/false\n"
                      "eve:x:1000:1000::/:/bin/sh\nqemu:x:107:107::/:/bin/false\n"
                      "late:x:2000004:2000004::/:/bin/sh\n",
                      "etc/passwd");
        put_host_file(base, "/var/lib/secure-vm/web", "var/lib/secure-vm/.ids/2000000");
        put_host_file(base, "", "var/lib/secure-vm/.ids/2000002"); /* given back */
        put_host_file(base, "/var/lib/secure-vm/x", "var/lib/secure-vm/.ids/2000004");
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                print_message("%u\n", (unsigned)t[i].uid);
                assert_int_equal(sv_tune_trusts_uid(base, t[i].uid),
                                 t[i].trusted || t[i].uid == geteuid());
        }
        assert_true(sv_tune_trusts_uid(base, geteuid()));
        assert_false(sv_tune_trusts_process(base, "999"));
        OK(sv_bitset_parse("0-127", SV_CPUS_MAX, &online, "x", "x", &err));
        OK(sv_tune_find_processes(base, &online, &found, &err));
        assert_int_equal(found.n_guests, 1);
        sv_tune_processes_free(&found);
        if (geteuid() != 0) {
                print_message("a process of another user: only root can make one's folder\n");
                return;
        }
        assert_int_equal(chown(folder, 1000, 1000), 0);
        sv_threads_find_taken(base, 0, &taken);
        is_list(&taken, "");
        OK(sv_tune_find_processes(base, &online, &found, &err));
        assert_int_equal(found.n_guests, 0);
        sv_tune_processes_free(&found);
        assert_int_equal(chown(folder, 64055, 64055), 0);
        sv_threads_find_taken(base, 0, &taken);
        is_list(&taken, "33");
        assert_int_equal(chown(folder, 0, 0), 0);
}

static int make_machine(void **state)
{
        if (make_base(state) < 0)
                return -1;
        put_host(base, &hosts[3]);
        put_host_file(base, "", "sys/class/net/br0/brif/enp1s0/x");
        put_thread(700, 700, "qemu-system-x86", "0-127");
        put_thread(700, 701, "CPU 0/KVM", "33");
        put_thread(700, 702, "CPU 1/KVM", "0-15");
        put_thread(800, 800, "other", "5");
        put_thread(800, 801, "CPU 0/KVM", "6");
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(decided),       cmocka_unit_test(refused),
                cmocka_unit_test(growth),        cmocka_unit_test(elsewhere),
                cmocka_unit_test(caches),        cmocka_unit_test(own_threads),
                cmocka_unit_test(trusted_users), cmocka_unit_test(mounted_pages),
        };

        return cmocka_run_group_tests(tests, make_machine, remove_base);
}
