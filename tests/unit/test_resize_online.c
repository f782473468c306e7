/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs and memory while a guest runs: which way a command goes, and that the host's budget is
 * asked before, under the lock that launches use. The keeper is a table. */
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/cli/resize-online.h"
#include "launcher/host/budget.h"
#include "launcher/keeper/claim.h"
#include "tests/unit/unit.h"

#define GIB (1ull << 30)

static char base[] = "/tmp/secure-vm-grow-XXXXXX";
static struct sv_err err;
static struct {
        const char *status; /* NULL: no such guest */
        unsigned resized;
        bool locked; /* while it was resized */
} kept;

static int show_kept(const char *uri, const char *name, struct sv_json **out, struct sv_err *e)
{
        if (!kept.status)
                return sv_fail(e, SV_SYSTEM, "state.absent", "the table has no guest %s", name);
        return sv_json_parse(sv_bytes_str(kept.status), "t", out, e);
}

static int resize_kept(const char *uri, const char *name, const struct sv_resize *r,
                       struct sv_err *e)
{
        SV_FD other = sv_claims_lock("other", 0, NULL);

        kept.resized++;
        kept.locked = other < 0;
        return 0;
}

static const struct sv_keeper keeper = {.show = show_kept, .resize = resize_kept};

const struct sv_keeper *__wrap_sv_keeper_choose(const char *uri);
const struct sv_keeper *__wrap_sv_keeper_choose(const char *uri)
{
        return &keeper;
}

#define STATUS(tee, state)                                                                         \
        "{\"name\":\"g\",\"tee\":\"" tee "\",\"state\":\"" state "\",\"vcpus\":1,\"vcpus_max\":4," \
        "\"memory\":1073741824,\"memory_max\":4294967296,\"memory_block\":2097152}"
#define SMALL                                                                            \
        "{\"name\":\"g\",\"tee\":\"vtpm\",\"state\":\"running\",\"vcpus\":1,\"memory\":" \
        "1073741824}"

static void ways(void **state)
{
        static const struct {
                const char *status, *words[6], *check;
                bool online;
        } t[] = {
                {NULL, {"cpu-shares", "5"}, NULL, true},
                {STATUS("vtpm", "running"), {"vcpus", "4"}, NULL, true},
                {STATUS("vtpm", "unlocked"), {"memory", "4GiB"}, NULL, true},
                {STATUS("vtpm", "paused"), {"vcpus", "4", "memory", "4GiB"}, NULL, true},
                {STATUS("vtpm", "running"), {"vcpus", "5"}, NULL, false},
                {STATUS("vtpm", "running"), {"vcpus", "4", "memory", "512MiB"}, NULL, false},
                {STATUS("vtpm", "running"), {"vcpus", "4", "cold", ""}, NULL, false},
                {STATUS("vtpm", "running"), {"vcpus", "4", "dry-run", ""}, NULL, false},
                {STATUS("vtpm", "stopped"), {"vcpus", "4"}, NULL, false},
                {SMALL, {"vcpus", "1"}, NULL, false},
                {NULL, {"vcpus", "4"}, NULL, false},
                {STATUS("vtpm", "running"), {"vcpus", "5", "online", ""}, NULL, true},
                {STATUS("sev-snp", "running"),
                 {"vcpus", "4", "online", ""},
                 "resize.confidential",
                 false},
                {STATUS("tdx", "running"),
                 {"memory", "2GiB", "online", ""},
                 "resize.confidential",
                 false},
                {STATUS("vtpm", "running"), {"cpu-shares", "4", "online", ""}, "resize.way", false},
                {STATUS("vtpm", "running"), {"cpu-shares", "4", "cold", ""}, "resize.way", false},
                {STATUS("vtpm", "running"),
                 {"vcpus", "4", "online", "", "cold", ""},
                 "resize.way",
                 false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_args args = {.n = 1, .pos = {"g"}};
                struct sv_opt options[3] = {0};
                bool online = !t[i].online;

                for (int k = 0; k < 3 && t[i].words[2 * k]; k++) {
                        options[k].name = t[i].words[2 * k];
                        args.opts[args.n_opts].opt = &options[k];
                        args.opts[args.n_opts++].value = t[i].words[2 * k + 1];
                }
                kept.status = t[i].status;
                print_message("%zu\n", i);
                if (t[i].check) {
                        FAILS(sv_resize_choose_way(&args, &online, &err), SV_USAGE, t[i].check);
                        continue;
                }
                OK(sv_resize_choose_way(&args, &online, &err));
                assert_int_equal(online, t[i].online);
        }
}

/* On a host that has 2 GiB for guests, and four vCPUs for each of its CPUs. */
static void budgets(void **state)
{
        struct sv_budget_rules rules = sv_budget_defaults();
        SV_JSON *before = NULL;
        struct sv_budget b;

        OK(sv_budget_begin("", &rules, &b, &err));
        rules.reserve = b.memory > 2 * GIB ? b.memory - 2 * GIB : 0;
        rules.kept = true;
        OK(sv_json_parse(sv_bytes_str(STATUS("vtpm", "running")), "t", &before, &err));
        for (int i = 0; i < 4; i++) {
                bool fits = i < 2;
                struct sv_resize r = {0};

                rules.cpu_percent = i == 3 ? 1 : 400;
                OK(sv_budget_write_rules(&rules, &err));
                OK(sv_resize_add(&r, i == 3 ? SV_RESIZE_VCPUS : SV_RESIZE_MEMORY,
                                 i == 0   ? "1GiB"
                                 : i == 1 ? "1536MiB"
                                 : i == 2 ? "4GiB"
                                          : "2",
                                 &err));
                kept.resized = 0;
                if (fits) {
                        OK(sv_resize_within_budget(NULL, "g", &r, before, &err));
                        assert_int_equal(kept.resized, 1);
                        /* what does not grow takes nothing from others */
                        assert_int_equal(kept.locked, i == 1);
                        continue;
                }
                FAILS(sv_resize_within_budget(NULL, "g", &r, before, &err), SV_SYSTEM,
                      i == 2 ? "host.budget.memory" : "host.budget.cpu");
                assert_int_equal(kept.resized, 0);
        }
}

static int set_up(void **state)
{
        return mkdtemp(base) ? setenv("SECURE_VM_DIR", base, 1) : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(base, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ways),
                cmocka_unit_test(budgets),
        };

        return cmocka_run_group_tests_name("resize-online", tests, set_up, tear_down);
}
