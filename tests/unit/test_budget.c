/* SPDX-License-Identifier: Apache-2.0 */
/* A host's memory and CPUs, and what guests take of them: the sums by hand, each limit at its value
 * and one past it, and the host's file. */
#include <sys/stat.h>

#include "base/core/file.h"
#include "launcher/host/budget.h"
#include "tests/unit/unit.h"

#define GIB      (1ull << 30)
#define MIB      (1ull << 20)
#define OVERHEAD (96 * MIB)

static char base[] = "/tmp/secure-vm-budget-XXXXXX";

static struct sv_budget host_of(uint64_t memory, unsigned cpus, struct sv_budget_rules rules)
{
        return (struct sv_budget){.rules = rules, .memory = memory, .cpus = cpus};
}

static void sums(void **state)
{
        struct sv_budget_rules r = sv_budget_defaults();
        struct sv_budget b;

        assert_int_equal(sv_budget_cost(&r, GIB, false), GIB + OVERHEAD);
        assert_int_equal(sv_budget_cost(&r, 100 * MIB, true), 200 * MIB + OVERHEAD);
        r.shared_percent = 25;
        assert_int_equal(sv_budget_cost(&r, 100 * MIB, true), 125 * MIB + OVERHEAD);
        r.shared_percent = 0;
        assert_int_equal(sv_budget_cost(&r, 100 * MIB, true), 100 * MIB + OVERHEAD);
        r.reserve = GIB;
        r.memory_percent = 200;
        b = host_of(8 * GIB, 2, r);
        assert_int_equal(sv_budget_room(&b), 7 * GIB);
        sv_budget_add(&b, 2 * GIB - OVERHEAD, 2, false);
        sv_budget_add(&b, GIB - OVERHEAD, 1, true);
        /* half of what is promised to ordinary guests, all of what confidential ones take */
        assert_int_equal(sv_budget_taken(&b), 2 * GIB);
        assert_int_equal(b.vcpus, 3);
        b = host_of(GIB, 2, r);
        assert_int_equal(sv_budget_room(&b), 0);
}

static void limits_of_it(void **state)
{
        struct sv_budget_rules r = sv_budget_defaults();
        struct sv_budget b;
        struct sv_err err;

        r.reserve = GIB;
        b = host_of(3 * GIB, 2, r);
        sv_budget_add(&b, 2 * GIB - OVERHEAD, 8, false);
        OK(sv_budget_check(&b, &err));
        sv_budget_add(&b, MIB, 0, false);
        FAILS(sv_budget_check(&b, &err), SV_SYSTEM, "host.budget.memory");
        b = host_of(3 * GIB, 2, r);
        sv_budget_add(&b, MIB, 9, false);
        FAILS(sv_budget_check(&b, &err), SV_SYSTEM, "host.budget.cpu");
        /* the same memory twice: an ordinary guest may, a confidential one never */
        r.memory_percent = 200;
        r.shared_percent = 0;
        b = host_of(3 * GIB, 2, r);
        sv_budget_add(&b, 3 * GIB, 2, false);
        OK(sv_budget_check(&b, &err));
        b = host_of(3 * GIB, 2, r);
        sv_budget_add(&b, 3 * GIB, 2, true);
        FAILS(sv_budget_check(&b, &err), SV_SYSTEM, "host.budget.memory");
}

static void files(void **state)
{
        static const struct {
                const char *text, *check;
        } t[] = {
                {"{}", NULL},
                {"{\"memory_percent\":1,\"cpu_percent\":10000,\"shared_percent\":0,\"reserve\":0}",
                 NULL},
                {"{\"memory_percent\":0}", "host.budget.file.member"},
                {"{\"cpu_percent\":10001}", "host.budget.file.member"},
                {"{\"cpu_percent\":\"2\"}", "host.budget.file.member"},
                {"{\"reserve\":-1}", "host.budget.file.member"},
                {"{\"ratio\":1}", "host.budget.file.unknown"},
                {"{", "host.budget.file.json"},
        };
        struct sv_budget_rules r, again;
        char big[4097];
        SV_STR path = sv_asprintf("%s/.host.json", base);
        struct sv_err err;

        OK(sv_budget_read_rules(&r, &err));
        assert_false(r.kept);
        assert_int_equal(r.memory_percent, 100);
        r = (struct sv_budget_rules){true, 150, 300, 30, 5 * GIB};
        OK(sv_budget_write_rules(&r, &err));
        OK(sv_budget_read_rules(&again, &err));
        assert_true(again.kept);
        assert_int_equal(again.memory_percent, 150);
        assert_int_equal(again.cpu_percent, 300);
        assert_int_equal(again.shared_percent, 30);
        assert_int_equal(again.reserve, 5 * GIB);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                OK(sv_file_write(path, 0600, sv_bytes_str(t[i].text), &err));
                if (t[i].check)
                        FAILS(sv_budget_read_rules(&r, &err), SV_FORMAT, t[i].check);
                else
                        OK(sv_budget_read_rules(&r, &err));
        }
        memset(big, ' ', sizeof(big));
        OK(sv_file_write(path, 0600, sv_bytes(big, sizeof(big)), &err));
        FAILS(sv_budget_read_rules(&r, &err), SV_FORMAT, "host.budget.file");
        unlink(path);
}

static void memory_of_a_host(void **state)
{
        struct sv_budget_rules r = sv_budget_defaults();
        SV_STR folder = sv_asprintf("%s/proc", base);
        SV_STR path = sv_asprintf("%s/meminfo", folder);
        struct sv_budget b;
        struct sv_err err;

        assert_int_equal(mkdir(folder, 0700), 0);
        FAILS(sv_budget_begin(base, &r, &b, &err), SV_SYSTEM, "proc");
        OK(sv_file_write(path, 0600, sv_bytes_str("MemFree: 5 kB\nMemTotal:  4096 kB\n"), &err));
        OK(sv_budget_begin(base, &r, &b, &err));
        assert_int_equal(b.memory, 4 * MIB);
        assert_true(b.cpus > 0);
        OK(sv_file_write(path, 0600, sv_bytes_str("MemFree: 5 kB\n"), &err));
        FAILS(sv_budget_begin(base, &r, &b, &err), SV_SYSTEM, "proc");
        OK(sv_remove_tree(folder, &err));
}

static int set_up(void **state)
{
        return mkdtemp(base) ? setenv("SECURE_VM_DIR", base, 1) : -1;
}

static int tear_down(void **state)
{
        return rmdir(base);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(sums), cmocka_unit_test(limits_of_it),
                                           cmocka_unit_test(files),
                                           cmocka_unit_test(memory_of_a_host)};

        return cmocka_run_group_tests_name("budget", tests, set_up, tear_down);
}
