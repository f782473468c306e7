/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest file wishes of its host: read, and refused where it contradicts itself. */
#include "base/core/file.h"
#include "guest/guest.h"
#include "tests/unit/limits.h"

static struct sv_err err;

static int parse(const char *more, struct sv_guest *g)
{
        SV_STR text = sv_asprintf("{\n\"name\":\"g\",\n\"kernel\":\"k\",\n\"vcpus\":4,\n"
                                  "\"memory\":\"4GiB\"%s}",
                                  more);

        return sv_guest_parse(sv_bytes_str(text), "g.json", "/d", g, &err);
}

#define TUNING(t)    ",\n\"tuning\":{" t "}"
#define DISK(t)      ",\n\"disks\":[{\"path\":\"a\"},{\"path\":\"b\",\n\"tuning\":{" t "}}]"
#define NIC(kind, t) ",\n\"nics\":[{\"type\":" kind ",\n\"tuning\":{" t "}}]"
#define BRIDGE       "\"bridge\",\"source\":\"br0\""

static void read_all(void **state)
{
        SV_GUEST g = {0}, one = {0}, none = {0};

        OK(parse(DISK("\"queues\":4,\"iothread\":3,\"io\":\"native\",\"cache\":\"none\","
                      "\"discard\":\"unmap\",\"detect_zeroes\":\"unmap\",\"sector\":512,"
                      "\"physical_sector\":4096") NIC(BRIDGE, "\"queues\":4,\"vhost\":true")
                         TUNING("\"numa\":{\"cells\":2,\"mode\":\"preferred\",\"nodes\":[\"0\","
                                "\"2-3\"]},\"cpus\":{\"pin\":[\"0\",\"1\",\"2-3\",\"2-3\"],"
                                "\"emulator\":\"8\",\"iothreads\":[\"5\",\"6\",\"7\"],"
                                "\"threads\":2},\"hugepages\":\"1GiB\",\"memory\":{\"shared\":true,"
                                "\"locked\":false},\"other\":false"),
                 &g));
        assert_int_equal(g.disks[1].tuning.queues, 4);
        assert_int_equal(sv_guest_count_iothreads(&g), 3);
        assert_string_equal(g.disks[1].tuning.io, "native");
        assert_int_equal(g.disks[1].tuning.physical_sector, 4096);
        assert_true(g.nics[0].tuning.vhost && g.nics[0].tuning.vhost_given);
        assert_true(g.tune.numa.given);
        assert_int_equal(g.tune.numa.n_nodes, 2);
        assert_string_equal(g.tune.cpus.pin[2], "2-3");
        assert_string_equal(g.tune.cpus.iothreads[2], "7");
        assert_int_equal(g.tune.hugepages, 1 << 30);
        assert_true(g.tune.memory.shared && !g.tune.memory.locked);
        OK(parse(TUNING("\"cpus\":{\"pin\":\"auto\"}") NIC(BRIDGE, "\"vhost\":false"), &one));
        assert_string_equal(one.tune.cpus.pin[0], "auto");
        assert_true(!one.nics[0].tuning.vhost && one.nics[0].tuning.vhost_given);
        OK(parse(TUNING("\"hugepages\":false"), &none));
        assert_false(none.tune.numa.given);
        assert_int_equal(none.tune.hugepages, 0);
        assert_true(sv_guest_knows_tuning("memory") && !sv_guest_knows_tuning("balloon"));
}

static void refused(void **state)
{
        static const struct {
                const char *more, *check, *place;
        } t[] = {
                {TUNING("\"numa\":{\"cells\":3}"), "guest.tuning.numa.cells",
                 "g.json:6: /tuning/numa/cells: "},
                {TUNING("\"numa\":{\"cells\":0}"), "guest.tuning.numa.cells", "1 to 16"},
                {TUNING("\"numa\":{\"mode\":\"loose\"}"), "guest.tuning.numa.mode", "loose"},
                {TUNING("\"numa\":{\"nodes\":[\"x\"]}"), "guest.tuning.numa.nodes", "/0"},
                {TUNING("\"numa\":{\"cells\":2,\"nodes\":[\"0\"]}"), "guest.tuning.numa.nodes",
                 "found 1"},
                {TUNING("\"numa\":{\"node\":1}"), "guest.tuning.numa.unknown", "no member"},
                {TUNING("\"numa\":true"), "guest.tuning.numa", "an object"},
                {TUNING("\"cpus\":{\"pin\":[\"0\",\"1\",\"2\"]}"), "guest.tuning.cpus.pin",
                 "found 3"},
                {TUNING("\"cpus\":{\"pin\":[\"0\",\"1\",\"2\",\"auto\"]}"), "guest.tuning.cpus.pin",
                 "found 4"},
                {TUNING("\"cpus\":{\"pin\":\"0-3\"}"), "guest.tuning.cpus.pin", "found 1"},
                {TUNING("\"cpus\":{\"emulator\":\"-1\"}"), "guest.tuning.cpus.emulator", "-1"},
                {TUNING("\"cpus\":{\"iothreads\":[\"1\"]}"), "guest.tuning.cpus.iothreads",
                 "found 1"},
                {TUNING("\"cpus\":{\"threads\":3}"), "guest.tuning.cpus.threads", "found 3"},
                {TUNING("\"numa\":{\"cells\":4},\"cpus\":{\"threads\":2}"),
                 "guest.tuning.cpus.threads", "1 vCPUs"},
                {TUNING("\"hugepages\":true"), "guest.tuning.hugepages", "true"},
                {TUNING("\"hugepages\":\"3MiB\""), "guest.tuning.hugepages", "power of two"},
                {TUNING("\"hugepages\":\"1MiB\""), "guest.tuning.hugepages", "1MiB"},
                {TUNING("\"hugepages\":\"2GiB\""), "guest.tuning.hugepages", "2GiB"},
                {TUNING("\"memory\":{\"shared\":1}"), "guest.tuning.memory.shared", "found 1"},
                {DISK("\"queues\":5"), "guest.disks.tuning.queues", ":7: /disks/1/tuning: "},
                {DISK("\"iothread\":0"), "guest.disks.tuning.iothread", "found 0"},
                {DISK("\"io\":\"uring\""), "guest.disks.tuning.io", "uring"},
                {DISK("\"io\":\"native\",\"cache\":\"writeback\""), "guest.disks.tuning.io",
                 "writeback"},
                {DISK("\"cache\":\"unsafe\""), "guest.disks.tuning.cache", "unsafe"},
                {DISK("\"discard\":true"), "guest.disks.tuning.discard", "true"},
                {DISK("\"detect_zeroes\":\"unmap\",\"discard\":\"ignore\""),
                 "guest.disks.tuning.detect_zeroes", "discard"},
                {DISK("\"detect_zeroes\":\"maybe\""), "guest.disks.tuning.detect_zeroes", "maybe"},
                {DISK("\"sector\":1024"), "guest.disks.tuning.sector", "4096"},
                {DISK("\"sector\":4096,\"physical_sector\":512"), "guest.disks.tuning.sector",
                 "smaller"},
                {DISK("\"physical_sector\":1000"), "guest.disks.tuning.sector", "power of two"},
                {NIC(BRIDGE, "\"queues\":5"), "guest.nics.tuning.queues", "4 vCPUs"},
                {NIC(BRIDGE, "\"vhost\":1"), "guest.nics.tuning.vhost", "found 1"},
                {NIC("\"user\"", "\"queues\":2"), "guest.nics.tuning.user", "one queue"},
                {NIC("\"user\"", "\"vhost\":true"), "guest.nics.tuning.user", "no vhost"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_GUEST g = {0};

                print_message("%s\n", t[i].more);
                FAILS(parse(t[i].more, &g), SV_USAGE, t[i].check);
                if (!strstr(err.msg, t[i].place))
                        fail_msg("\"%s\" is not in \"%s\"", t[i].place, err.msg);
        }
}

/* --- limits: of 512 vCPUs, so that nothing else refuses --- */

static int take(const char *before, size_t n, const char *behind, struct sv_err *e)
{
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"kernel\":\"k\",\"vcpus\":512,\"memory\":"
                                  "\"544GiB\",%s%zu%s}",
                                  before, n, behind);
        SV_GUEST g = {0};

        return sv_guest_parse(sv_bytes_str(text), "g.json", "/d", &g, e);
}

static int take_queues(size_t n, struct sv_err *e)
{
        return take("\"disks\":[{\"path\":\"a\",\"tuning\":{\"queues\":", n, "}}]", e);
}

static int take_iothreads(size_t n, struct sv_err *e)
{
        return take("\"disks\":[{\"path\":\"a\",\"tuning\":{\"iothread\":", n, "}}]", e);
}

static int take_cells(size_t n, struct sv_err *e)
{
        return take("\"tuning\":{\"numa\":{\"cells\":", n, "}}", e);
}

static void limits(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_QUEUES_MAX, 1, take_queues, SV_USAGE, "guest.disks.tuning.queues"),
                LIMIT(SV_IOTHREADS_MAX, 1, take_iothreads, SV_USAGE, "guest.disks.tuning.iothread"),
                LIMIT(SV_GUEST_CELLS_MAX, 1, take_cells, SV_USAGE, "guest.tuning.numa.cells"),
        };

        try_limits(cases, sizeof(cases) / sizeof(*cases));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(read_all),
                cmocka_unit_test(refused),
                cmocka_unit_test(limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
