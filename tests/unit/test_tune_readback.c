/* SPDX-License-Identifier: Apache-2.0 */
/* What is in force is compared with what was asked: nothing differs in a guest that is as it should
 * be, and each thing that is changed behind its back is named. */
#include "base/core/limits.h"
#include "launcher/tune/readback.h"
#include "tests/unit/host_tree.h"

#define PID  700
#define UUID "2882d3f8-9075-8d6e-acbf-d7deafd9da78"

static struct sv_err err;

static const char tuning_text[] =
        "{\"vcpus\":[\"4\",\"6\"],\"iothreads\":[\"2\",\"3\"],\"emulator\":\"0-1\",\"cells\":["
        "\"1\","
        "\"3\"],\"mode\":\"strict\",\"hugepages\":2097152,\"memory\":8388608,\"disks\":[{\"id\":"
        "\"root\",\"queues\":2,\"iothread\":1,\"io\":\"io_uring\"},{\"id\":\"data\",\"io\":"
        "\"native\"},{\"id\":\"plain\"}],\"nics\":[{\"queues\":2,\"vhost\":true},{\"vhost\":true},{"
        "}]}";

static const char maps[] =
        "7f0000000000 bind:1 anon=512 dirty=512 N1=2 huge kernelpagesize_kB=2048\n"
        "7f0040000000 bind:3 file=/memfd huge N3=2 kernelpagesize_kB=2048\n"
        "7f0080000000 default file=/usr/bin/qemu mapped=100 N0=100 kernelpagesize_kB=4\n";

static const char command[] =
        "/usr/bin/qemu\n-uuid\n" UUID "\n-blockdev\n{\"driver\":\"file\",\"aio\":\"io_uring\","
        "\"node-name\":\"s1\"}\n-blockdev\n{\"node-name\":\"f1\",\"driver\":\"raw\",\"file\":"
        "\"s1\"}\n"
        "-device\n{\"driver\":\"virtio-blk-pci\",\"iothread\":\"iothread1\",\"num-queues\":2,"
        "\"drive\":\"f1\",\"serial\":\"root\"}\n-blockdev\n{\"driver\":\"file\",\"aio\":\"native\","
        "\"node-name\":\"s2\"}\n-device\n{\"driver\":\"virtio-blk-pci\",\"drive\":\"s2\","
        "\"serial\":"
        "\"data\"}\n-name\nguest=g,{broken\n{\"not json\n";

static const struct {
        unsigned tid;
        const char *name, *cpus, *mems;
} threads[] = {{700, "qemu-system-x86", "0-1", "1,3"}, {701, "CPU 0/KVM", "4", "1,3"},
               {702, "CPU 1/KVM", "6", "1,3"},         {703, "IO iothread1", "2", "1,3"},
               {704, "IO iothread2", "3", "1,3"},      {705, "vhost-700", "0-1", "1,3"},
               {706, "worker", "0-1", "1,3"}};

static void put_thread(unsigned tid, const char *name, const char *cpus, const char *mems)
{
        SV_STR line = sv_asprintf("%s\n", name);
        SV_STR status = sv_asprintf("Name:\t%s\nCpus_allowed_list:\t%s\nMems_allowed_list:\t%s\n",
                                    name, cpus, mems);

        put_host_file(base, line, "proc/%u/task/%u/comm", PID, tid);
        put_host_file(base, status, "proc/%u/task/%u/status", PID, tid);
}

/* `text` with `old` exchanged: in a command line each line is a word. */
static void put_changed(const char *file, const char *text, const char *old, const char *new,
                        bool words)
{
        SV_STR path = sv_asprintf("%s/proc/%u/%s", base, PID, file);
        const char *at = *old ? strstr(text, old) : text;
        SV_BUF out = SV_BUF_NULL;

        assert_non_null(at);
        sv_buf_put(&out, sv_bytes(text, (size_t)(at - text)));
        sv_buf_puts(&out, new);
        sv_buf_puts(&out, at + strlen(old));
        for (size_t i = 0; words && i < out.n; i++)
                if (out.p[i] == '\n')
                        out.p[i] = 0;
        OK(sv_file_write(path, 0600, sv_buf_bytes(&out), &err));
}

static void put_link(unsigned fd, const char *to)
{
        SV_STR name = sv_asprintf("proc/%u/fd/%u", PID, fd);

        put_host_link(base, to, name);
}

static void put_guest(void)
{
        SV_STR folder = sv_asprintf("%s/proc", base);

        OK(sv_remove_tree(folder, &err));
        for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++)
                put_thread(threads[i].tid, threads[i].name, threads[i].cpus, threads[i].mems);
        put_link(3, "/dev/vhost-net");
        put_link(4, "/dev/vhost-net");
        put_link(5, "/dev/vhost-net");
        put_link(6, "anon_inode:[io_uring]");
        put_changed("cmdline", command, "", "", true);
        put_changed("numa_maps", maps, "", "", false);
}

enum what { THREAD, GONE, COMMAND, MAPS, LINK };

static void sabotaged(void **state)
{
        static const struct {
                enum what kind;
                unsigned number;
                const char *old, *new; /* of a thread: its CPUs and nodes */
                const char *what, *found;
        } t[] = {
                {THREAD, 1, "4-5", "1,3", "vCPU 0", "4-5"},
                {THREAD, 2, "4", "1,3", "vCPU 1", "4"},
                {THREAD, 2, "0-127", "1,3", "vCPU 1", "0-127"},
                {THREAD, 3, "0-1", "1,3", "IO iothread1", "0-1"},
                {THREAD, 4, "2", "1,3", "IO iothread2", "2"},
                {THREAD, 0, "0-7", "1,3", "emulator", "0-7"},
                {THREAD, 5, "6", "1,3", "vhost-700", "6"},
                {GONE, 1, "", "", "vCPU 0", "no such thread"},
                {GONE, 4, "", "", "IO iothread2", "no such thread"},
                {COMMAND, 0, "\"num-queues\":2", "\"num-queues\":1", "disk root, queues", "1"},
                {COMMAND, 0, "\"num-queues\":2,", "", "disk root, queues", "0"},
                {COMMAND, 0, "\"iothread1\"", "\"iothread2\"", "disk root", "iothread2"},
                {COMMAND, 0, "\"iothread\":\"iothread1\",", "", "disk root", "none"},
                {COMMAND, 0, "\"io_uring\"", "\"threads\"", "disk root", "threads"},
                {COMMAND, 0, "\"native\"", "\"io_uring\"", "disk data", "io_uring"},
                {COMMAND, 0, "\"aio\":\"native\",", "", "disk data", "threads"},
                {COMMAND, 0, "\"data\"", "\"date\"", "disk data", "none"},
                {MAPS, 0, "bind:1 ", "bind:0 ", "memory's nodes", "0"},
                {MAPS, 0, "bind:3 ", "bind:0-3 ", "memory's nodes", "0-3"},
                {MAPS, 0, "N1=2 huge", "N0=1 N1=1 huge", "memory", "2048 KiB elsewhere"},
                {MAPS, 0, "huge N3=2 kernelpagesize_kB=2048", "N3=1024 kernelpagesize_kB=4",
                 "huge pages", "4096 KiB"},
                {LINK, 5, "", "/dev/null", "vhost", "2"},
                {LINK, 6, "", "/dev/null", "io_uring", "none"},
        };
        SV_JSON *tuning = NULL;

        OK(sv_json_parse(sv_bytes_str(tuning_text), "x", &tuning, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_JSON *none = sv_json_array();
                SV_JSON *found = sv_json_array();
                SV_STR gone = NULL;
                SV_BUF text = SV_BUF_NULL;

                put_guest();
                OK(sv_readback(base, PID, tuning, none, &err));
                sv_json_print(none, &text);
                assert_string_equal(sv_buf_str(&text), "[]");
                switch (t[i].kind) {
                case THREAD:
                        put_thread(threads[t[i].number].tid, threads[t[i].number].name, t[i].old,
                                   t[i].new);
                        break;
                case GONE:
                        gone = sv_asprintf("%s/proc/%u/task/%u", base, PID,
                                           threads[t[i].number].tid);
                        OK(sv_remove_tree(gone, &err));
                        break;
                case COMMAND:
                        put_changed("cmdline", command, t[i].old, t[i].new, true);
                        break;
                case MAPS:
                        put_changed("numa_maps", maps, t[i].old, t[i].new, false);
                        break;
                case LINK:
                        put_link(t[i].number, t[i].new);
                        break;
                }
                OK(sv_readback(base, PID, tuning, found, &err));
                sv_buf_clear(&text);
                sv_json_print(found, &text);
                print_message("%s\n", sv_buf_str(&text));
                assert_int_equal(sv_json_len(found), 1);
                assert_string_equal(sv_json_text(sv_json_at(found, 0), "what", ""), t[i].what);
                assert_string_equal(sv_json_text(sv_json_at(found, 0), "found", ""), t[i].found);
        }
}

/* QEMU makes its ring for the first request: before that nothing is missing. */
static void ring_of_first_request(void **state)
{
        static const char wish[] =
                "{\"disks\":[{\"id\":\"root\",\"io\":\"io_uring\",\"requests\":%d},{\"id\":"
                "\"data\",\"io\":\"native\",\"requests\":9}],\"nics\":[]}";

        for (int requests = 0; requests < 2; requests++) {
                SV_STR text = sv_asprintf(wish, requests);
                SV_JSON *tuning = NULL;
                SV_JSON *found = sv_json_array();

                OK(sv_json_parse(sv_bytes_str(text), "x", &tuning, &err));
                put_guest();
                put_link(6, "/dev/null");
                OK(sv_readback(base, PID, tuning, found, &err));
                assert_int_equal(sv_json_len(found), requests);
        }
}

/* Bound by its control group alone: then every vCPU's nodes are within those. */
static void by_control_group(void **state)
{
        static const char free_maps[] = "7f00 default anon=8 N1=8 kernelpagesize_kB=4\n";
        static const char wish[] = "{\"cells\":[\"1,3\"],\"mode\":\"strict\"}";
        SV_JSON *tuning = NULL;
        SV_JSON *none = sv_json_array();
        SV_JSON *found = sv_json_array();

        OK(sv_json_parse(sv_bytes_str(wish), "x", &tuning, &err));
        put_guest();
        put_changed("numa_maps", free_maps, "", "", false);
        OK(sv_readback(base, PID, tuning, none, &err));
        assert_int_equal(sv_json_len(none), 0);
        put_thread(702, "CPU 1/KVM", "6", "0-3");
        OK(sv_readback(base, PID, tuning, found, &err));
        assert_int_equal(sv_json_len(found), 1);
        assert_string_equal(sv_json_text(sv_json_at(found, 0), "found", ""), "any");
}

/* --- control groups --- */

#define GROUPS "/machine/qemu-1-g.libvirt-qemu/libvirt"

static const char *const own_groups[] = {"emulator",  "vcpu0",    "vcpu1",   "iothread1",
                                         "iothread2", "emulator", "emulator"};

static void put_group(unsigned number, const char *group, bool version1)
{
        SV_STR lines = version1 ? sv_asprintf("5:cpu,cpuacct:/\n4:cpuset:%s\n0::/\n", group)
                                : sv_asprintf("0::%s\n", group);

        put_host_file(base, lines, "proc/%u/task/%u/cgroup", PID, threads[number].tid);
        put_host_file(base, "1,3\n", "sys/fs/cgroup%s%s/cpuset.mems", version1 ? "/cpuset" : "",
                      group);
}

/* As libvirt leaves them, below `folder`. */
static void put_groups(const char *folder, bool version1)
{
        SV_STR all = sv_asprintf("%s/sys", base);

        OK(sv_remove_tree(all, &err));
        put_guest();
        for (unsigned i = 0; i < sizeof(own_groups) / sizeof(*own_groups); i++) {
                SV_STR group = sv_asprintf("%s/%s", folder, own_groups[i]);

                put_group(i, group, version1);
        }
}

static void read_back(const struct sv_json *tuning, struct sv_json *found, size_t n)
{
        SV_BUF text = SV_BUF_NULL;

        OK(sv_readback(base, PID, tuning, found, &err));
        sv_json_print(found, &text);
        print_message("%s\n", sv_buf_str(&text));
        assert_int_equal(sv_json_len(found), n);
}

static void moved_between_groups(void **state)
{
        static const struct {
                unsigned number;
                const char *group, *what, *wanted;
        } t[] = {
                {1, GROUPS "/other", "vCPU 0, control group", GROUPS "/vcpu0"},
                {1, GROUPS "/vcpu1", "vCPU 0, control group", GROUPS "/vcpu0"},
                {2, "/vcpu1", "vCPU 1, control group", GROUPS "/vcpu1"},
                {2, "/machine/qemu-2-h.libvirt-qemu/libvirt/vcpu1", "vCPU 1, control group",
                 GROUPS "/vcpu1"},
                {3, GROUPS "/emulator", "IO iothread1, control group", GROUPS "/iothread1"},
                {0, "/", "emulator, control group", GROUPS "/emulator"},
                {5, GROUPS, "vhost-700, control group", GROUPS "/emulator"},
        };
        SV_JSON *tuning = NULL;

        OK(sv_json_parse(sv_bytes_str(tuning_text), "x", &tuning, &err));
        for (unsigned version1 = 0; version1 < 2; version1++)
                for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                        SV_JSON *none = sv_json_array();
                        SV_JSON *found = sv_json_array();

                        put_groups(GROUPS, version1);
                        read_back(tuning, none, 0);
                        put_group(t[i].number, t[i].group, version1);
                        read_back(tuning, found, 1);
                        assert_string_equal(sv_json_text(sv_json_at(found, 0), "what", ""),
                                            t[i].what);
                        assert_string_equal(sv_json_text(sv_json_at(found, 0), "wanted", ""),
                                            t[i].wanted);
                        assert_string_equal(sv_json_text(sv_json_at(found, 0), "found", ""),
                                            t[i].group);
                }
}

/* All threads at once: what was noted at the start still says where they belong. Without a note,
 * and without groups of libvirt's, there is nothing to compare with. */
static void moved_as_a_whole(void **state)
{
        SV_JSON *tuning = NULL;
        SV_JSON *noted = sv_json_array();
        SV_JSON *unknown = sv_json_array();

        OK(sv_json_parse(sv_bytes_str(tuning_text), "x", &tuning, &err));
        put_groups(GROUPS, false);
        for (unsigned i = 0; i < sizeof(own_groups) / sizeof(*own_groups); i++)
                put_group(i, "/elsewhere", false);
        read_back(tuning, unknown, 0);
        put_groups(GROUPS, false);
        sv_readback_note_group(base, PID, tuning);
        assert_string_equal(sv_json_text(tuning, "group", ""), GROUPS);
        for (unsigned i = 0; i < sizeof(own_groups) / sizeof(*own_groups); i++)
                put_group(i, "/elsewhere", false);
        read_back(tuning, noted, 6); /* but for the one that libvirt does not know by itself */
        sv_readback_note_group(base, PID, tuning);
        assert_null(sv_json_text(tuning, "group", NULL));
}

/* A group that was made wider, with a policy of the mappings still as it should be. */
static void nodes_of_groups(void **state)
{
        SV_JSON *tuning = NULL, *preferred = NULL;
        SV_JSON *found = sv_json_array();
        SV_JSON *none = sv_json_array();
        SV_STR gone = sv_asprintf("%s/sys/fs/cgroup" GROUPS "/vcpu0/cpuset.mems", base);

        OK(sv_json_parse(sv_bytes_str(tuning_text), "x", &tuning, &err));
        put_groups(GROUPS, false);
        put_thread(701, "CPU 0/KVM", "4", "0-3");
        read_back(tuning, found, 1);
        assert_string_equal(sv_json_text(sv_json_at(found, 0), "what", ""),
                            "vCPU 0, memory's nodes");
        assert_string_equal(sv_json_text(sv_json_at(found, 0), "found", ""), "0-3");
        /* a kernel that limits no nodes there */
        OK(unlink(gone));
        read_back(tuning, none, 0);
        put_groups(GROUPS, false);
        put_thread(701, "CPU 0/KVM", "4", "0-3");
        OK(sv_json_parse(sv_bytes_str("{\"cells\":[\"1,3\"],\"mode\":\"preferred\"}"), "x",
                         &preferred, &err));
        read_back(preferred, none, 0);
}

static void processes(void **state)
{
        SV_JSON *tuning = sv_json_object();
        SV_JSON *found = sv_json_array();
        SV_STR path = sv_asprintf("%s/proc/%u/cmdline", base, PID);

        put_guest();
        assert_int_equal(sv_readback_find_qemu(base, UUID), PID);
        assert_true(sv_readback_is_qemu(base, PID, UUID));
        assert_false(sv_readback_is_qemu(base, PID + 1, UUID));
        assert_int_equal(sv_readback_find_qemu(base, "2882d3f8-9075-8d6e-acbf-d7deafd9da79"), 0);
        FAILS(sv_readback(base, 999, tuning, found, &err), SV_SYSTEM, "tune.threads");
        unlink(path);
        FAILS(sv_readback(base, PID, tuning, found, &err), SV_SYSTEM, "tune.readback");
}

static void maps_limit(void **state)
{
        static const char wish[] = "{\"cells\":[\"1\"],\"mode\":\"strict\"}";
        SV_STR path = sv_asprintf("%s/proc/%u/numa_maps", base, PID);
        SV_JSON *tuning = NULL;
        SV_JSON *found = sv_json_array();
        SV_BUF text = SV_BUF_NULL;

        OK(sv_json_parse(sv_bytes_str(wish), "x", &tuning, &err));
        put_guest();
        text.max = SV_MAPS_SIZE_MAX + 1;
        memset(sv_buf_grow(&text, SV_MAPS_SIZE_MAX), '\n', SV_MAPS_SIZE_MAX);
        OK(sv_file_write(path, 0600, sv_buf_bytes(&text), &err));
        OK(sv_readback(base, PID, tuning, found, &err));
        sv_buf_puts(&text, "\n");
        OK(sv_file_write(path, 0600, sv_buf_bytes(&text), &err));
        FAILS(sv_readback(base, PID, tuning, found, &err), SV_FORMAT, "tune.readback");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sabotaged),        cmocka_unit_test(ring_of_first_request),
                cmocka_unit_test(by_control_group), cmocka_unit_test(moved_between_groups),
                cmocka_unit_test(moved_as_a_whole), cmocka_unit_test(nodes_of_groups),
                cmocka_unit_test(processes),        cmocka_unit_test(maps_limit),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
