/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs and memory while a guest runs: which way a command goes, and that the host's budget is
 * asked before, under the lock that launches use. The keeper is a table. */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/cli/budget-guests.h"
#include "launcher/cli/resize-online.h"
#include "launcher/host/budget.h"
#include "launcher/keeper/claim.h"
#include "launcher/keeper/state.h"
#include "tests/unit/unit.h"

#define GIB (1ull << 30)

static char base[] = "/tmp/secure-vm-grow-XXXXXX";
static struct sv_err err;
static struct {
        const char *status; /* NULL: no such guest */
        unsigned resized;
        bool locked, shown_locked; /* while it was resized, and shown */
} kept;

static int show_kept(const char *uri, const char *name, struct sv_json **out, struct sv_err *e)
{
        SV_FD other = sv_claims_lock("other", 0, NULL);

        kept.shown_locked = other < 0;
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
        struct sv_budget b;

        OK(sv_budget_begin("", &rules, &b, &err));
        rules.reserve = b.memory > 2 * GIB ? b.memory - 2 * GIB : 0;
        rules.kept = true;
        kept.status = STATUS("vtpm", "running");
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
                        OK(sv_resize_within_budget(NULL, "g", &r, &err));
                        assert_int_equal(kept.resized, 1);
                        /* what gives back, too: whoever asks next would count it twice */
                        assert_true(kept.locked && kept.shown_locked);
                        continue;
                }
                FAILS(sv_resize_within_budget(NULL, "g", &r, &err), SV_SYSTEM,
                      i == 2 ? "host.budget.memory" : "host.budget.cpu");
                assert_int_equal(kept.resized, 0);
        }
}

/* Of pages that no machine here has. */
static void huge_pages(void **state)
{
        struct sv_resize r = {0};

        kept.status = "{\"name\":\"g\",\"tee\":\"vtpm\",\"state\":\"running\",\"vcpus\":1,"
                      "\"memory\":1073741824,\"memory_max\":4294967296,"
                      "\"tuning\":{\"hugepages\":17179869184}}";
        kept.resized = 0;
        OK(sv_resize_add(&r, SV_RESIZE_MEMORY, "1536MiB", &err));
        FAILS(sv_resize_within_budget(NULL, "g", &r, &err), SV_SYSTEM, "tuning.hugepages");
        assert_int_equal(kept.resized, 0);
}

/* A supervisor that answers whatever it is asked: its guest has 3 GiB. */
static void *answer_requests(void *arg)
{
        static const char answer[] =
                "{\"ok\":true,\"status\":{\"name\":\"h\",\"tee\":\"vtpm\",\"state\":\"running\","
                "\"vcpus\":1,\"memory\":1073741824,\"memory_max\":4294967296,"
                "\"memory_now\":3221225472}}\n";
        const int *listener = arg;
        char request[256];
        int fd;

        while ((fd = accept(*listener, NULL, NULL)) >= 0) {
                assert_true(read(fd, request, sizeof(request)) > 0);
                assert_true(write(fd, answer, sizeof(answer) - 1) > 0);
                close(fd);
        }
        return NULL;
}

static int listen_at(const struct sv_state *s)
{
        SV_STR path = sv_state_path(s, "control.sock");
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
        assert_int_equal(listen(fd, 4), 0);
        return fd;
}

/* One that starts may wait for the lock that whoever counts has: it is not asked. */
static void asked(void **state)
{
        static const struct {
                const char *state;
                uint64_t memory;
        } t[] = {
                {"starting", GIB},   {"running", 3 * GIB}, {"unlocked", 3 * GIB},
                {"paused", 3 * GIB}, {"rebooting", GIB},   {"stopped", 0},
        };
        const struct sv_budget_rules rules = sv_budget_defaults();
        SV_STATE s = {.lock = -1};
        pthread_t supervisor;
        int listener;

        OK(sv_state_init(&s, "h", &err));
        OK(sv_state_lock(&s, 0, &err));
        listener = listen_at(&s);
        assert_int_equal(pthread_create(&supervisor, NULL, answer_requests, &listener), 0);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *status = NULL;
                struct sv_budget b = {.rules = rules};

                print_message("%s\n", t[i].state);
                OK(sv_json_parse(sv_bytes_str(STATUS("vtpm", "x")), "t", &status, &err));
                sv_json_set_str(status, "name", "h");
                sv_json_set_str(status, "state", t[i].state);
                OK(sv_state_write_status(&s, status, &err));
                OK(sv_budget_add_guests(&b, NULL, NULL, NULL, &err));
                assert_int_equal(b.ordinary,
                                 t[i].memory ? sv_budget_cost(&rules, t[i].memory, false) : 0);
        }
        shutdown(listener, SHUT_RDWR);
        pthread_join(supervisor, NULL);
        close(listener);
        sv_remove_tree(s.dir, NULL);
}

static void taken(void **state)
{
        static const struct {
                const char *state;
                uint64_t memory;
                unsigned vcpus;
        } t[] = {
                {"running", 3 * GIB, 3}, {"unlocked", 3 * GIB, 3}, {"starting", 3 * GIB, 3},
                {"stopped", GIB, 1},     {"failed", GIB, 1},       {"killed", GIB, 1},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *status = NULL;

                print_message("%s\n", t[i].state);
                OK(sv_json_parse(sv_bytes_str(STATUS("vtpm", "x")), "t", &status, &err));
                sv_json_set_str(status, "state", t[i].state);
                sv_json_set_int(status, "vcpus_wanted", 3);
                sv_json_set_int(status, "memory_wanted", 3 * GIB);
                assert_int_equal(sv_budget_read_memory(status), t[i].memory);
                assert_int_equal(sv_budget_read_vcpus(status), t[i].vcpus);
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
                cmocka_unit_test(ways),  cmocka_unit_test(budgets), cmocka_unit_test(huge_pages),
                cmocka_unit_test(asked), cmocka_unit_test(taken),
        };

        return cmocka_run_group_tests_name("resize-online", tests, set_up, tear_down);
}
