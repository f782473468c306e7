/* SPDX-License-Identifier: Apache-2.0 */
/* Up to where a guest can grow, and its balloon: read, and refused where it contradicts itself or
 * its TEE. */
#include "base/core/file.h"
#include "guest/guest.h"
#include "tee/tee.h"
#include "tests/unit/unit.h"

#define MIB (1ull << 20)

static const struct sv_tee ordinary = {.name = "plain"},
                           confidential = {.name = "sealed", .confidential = true};
static struct sv_err err;

static int parse(const char *more, struct sv_guest *g)
{
        SV_STR text = sv_asprintf("{\n\"name\":\"g\",\n\"kernel\":\"k\",\n\"vcpus\":4,\n"
                                  "\"memory\":\"1GiB\"%s}",
                                  more);

        return sv_guest_parse(sv_bytes_str(text), "g.json", "/d", g, &err);
}

#define MEMORY(t) ",\n\"tuning\":{\"memory\":{" t "}}"

static void read_all(void **state)
{
        SV_GUEST none = {0}, same = {0}, more = {0};

        OK(parse("", &none));
        assert_int_equal(sv_guest_vcpus_max(&none), 4);
        assert_int_equal(sv_guest_memory_max(&none), 1024 * MIB);
        assert_int_equal(sv_guest_memory_block(&none), 2 * MIB);
        OK(parse(",\"vcpus_max\":4,\"memory_max\":\"1GiB\"", &same));
        assert_int_equal(sv_guest_vcpus_max(&same), 4);
        OK(parse(",\"vcpus_max\":512,\"memory_max\":\"4GiB\",\"tuning\":{\"hugepages\":\"1GiB\"}",
                 &more));
        assert_int_equal(sv_guest_vcpus_max(&more), 512);
        assert_int_equal(sv_guest_memory_max(&more), 4096 * MIB);
        assert_int_equal(sv_guest_memory_block(&more), 1024 * MIB);
}

static void balloons(void **state)
{
        static const struct {
                const char *more;
                bool balloon, reporting, deflate, given;
        } t[] = {
                {"", true, true, true, false},
                {MEMORY("\"balloon\":true"), true, true, true, true},
                {MEMORY("\"balloon\":false"), false, false, false, true},
                {MEMORY("\"reporting\":false"), true, false, true, false},
                {MEMORY("\"reporting\":true"), true, true, true, true},
                {MEMORY("\"deflate\":false"), true, true, false, false},
                {MEMORY("\"deflate\":true"), true, true, true, true},
                {MEMORY("\"locked\":true"), true, false, true, false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_GUEST g = {0};

                print_message("%s\n", t[i].more);
                OK(parse(t[i].more, &g));
                assert_int_equal(g.tune.memory.balloon, t[i].balloon);
                assert_int_equal(g.tune.memory.reporting, t[i].reporting);
                assert_int_equal(g.tune.memory.deflate, t[i].deflate);
                assert_int_equal(g.tune.memory.balloon_given, t[i].given);
        }
}

static void refused(void **state)
{
        static const struct {
                const char *more, *check, *says;
        } t[] = {
                {",\"vcpus_max\":3", "guest.vcpus_max", "/vcpus_max: at least the 4 vCPUs"},
                {",\"vcpus_max\":513", "guest.vcpus_max", "1 to 512"},
                {",\"vcpus_max\":8,\"tuning\":{\"cpus\":{\"pin\":\"auto\"}}", "guest.vcpus_max",
                 "\"pin\""},
                {",\"vcpus_max\":8,\"tuning\":{\"cpus\":{\"threads\":2}}", "guest.vcpus_max",
                 "\"threads\""},
                {",\"vcpus_max\":8,\"tuning\":{\"numa\":{\"cells\":2}}", "guest.vcpus_max",
                 "\"cells\""},
                {",\"memory_max\":\"1023MiB\"", "guest.memory_max", "at least the 1024 MiB"},
                {",\"memory_max\":\"17TiB\"", "guest.memory_max", "16 TiB"},
                {",\"memory_max\":\"1025MiB\"", "guest.memory_max", "a multiple of 2 MiB"},
                {",\"memory_max\":\"1026MiB\",\"tuning\":{\"hugepages\":\"1GiB\"}",
                 "guest.memory_max", "a multiple of 1024 MiB"},
                {",\"memory_max\":\"2GiB\",\"tuning\":{\"numa\":{\"cells\":2}}", "guest.memory_max",
                 "\"cells\""},
                {",\"memory_max\":\"2GiB\"" MEMORY("\"locked\":true"), "guest.memory_max",
                 "\"locked\""},
                {MEMORY("\"balloon\":false,\"reporting\":true"), "guest.tuning.memory.balloon",
                 "is to have none"},
                {MEMORY("\"balloon\":false,\"deflate\":true"), "guest.tuning.memory.balloon",
                 "is to have none"},
                {MEMORY("\"locked\":true,\"reporting\":true"), "guest.tuning.memory.reporting",
                 "locked"},
                {MEMORY("\"balloon\":1"), "guest.tuning.memory.balloon", "true or false"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_GUEST g = {0};

                print_message("%s\n", t[i].more);
                FAILS(parse(t[i].more, &g), SV_USAGE, t[i].check);
                if (!strstr(err.msg, t[i].says))
                        fail_msg("\"%s\" is not in \"%s\"", t[i].says, err.msg);
        }
}

/* What is measured or accepted at the launch does not change afterwards. */
static void of_a_tee(void **state)
{
        static const struct {
                const char *more, *check;
        } t[] = {
                {"", NULL},
                {",\"vcpus_max\":4,\"memory_max\":\"1GiB\"", NULL},
                {",\"vcpus_max\":5", "tee.growth"},
                {",\"memory_max\":\"2GiB\"", "tee.growth"},
                {MEMORY("\"balloon\":true"), "tee.balloon"},
                {MEMORY("\"reporting\":true"), "tee.balloon"},
                {MEMORY("\"deflate\":true"), "tee.balloon"},
                {MEMORY("\"balloon\":false"), NULL},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_GUEST g = {0};

                print_message("%s\n", t[i].more);
                OK(parse(t[i].more, &g));
                OK(sv_tee_takes(&ordinary, &g, &err));
                if (!t[i].check) {
                        OK(sv_tee_takes(&confidential, &g, &err));
                        continue;
                }
                FAILS(sv_tee_takes(&confidential, &g, &err), SV_USAGE, t[i].check);
                assert_non_null(strstr(err.msg, "sealed"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(read_all),
                cmocka_unit_test(balloons),
                cmocka_unit_test(refused),
                cmocka_unit_test(of_a_tee),
        };

        return cmocka_run_group_tests_name("guest-maxima", tests, NULL, NULL);
}
