/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/tune: eight hosts, and what each profile wants of them (tests/unit/hosts/NAME.plan;
 * SV_WRITE_PLANS=1 writes these anew, to be read before they are committed). */
#include "base/core/file.h"
#include "launcher/tune/knob.h"
#include "tests/unit/host_knobs.h"

static struct sv_err err;

static const char *const names[] = {"desktop",   "xeon-tuned", "epyc-nps4",     "xeon-2s",
                                    "xeon-snc2", "epyc-512",   "xeon-isolated", "nested"};

static char *root_of(const char *name)
{
        char *root = sv_asprintf("%s/%s", base, name);

        if (access(root, F_OK) < 0)
                put_host_settings(root, name);
        return root;
}

static void put_plan_line(const struct sv_json *s, struct sv_buf *out)
{
        const struct sv_json *paths = sv_json_get(s, "paths");
        size_t n = sv_json_len(paths);

        sv_buf_printf(out, "%s %s %s", sv_json_text(s, "knob", ""), sv_json_text(s, "action", ""),
                      sv_json_text(s, "now", ""));
        if (sv_json_get(s, "wanted"))
                sv_buf_printf(out, " -> %s", sv_json_text(s, "wanted", ""));
        sv_buf_printf(out, " %s", sv_json_str(sv_json_at(paths, 0)));
        if (n > 1)
                sv_buf_printf(out, " ... %s (%zu)", sv_json_str(sv_json_at(paths, n - 1)), n);
        if (sv_json_get(s, "why"))
                sv_buf_printf(out, ": %s", sv_json_text(s, "why", ""));
        sv_buf_puts(out, "\n");
}

static void put_plan(const char *name, enum sv_tune_profile profile, struct sv_buf *out)
{
        SV_STR root = root_of(name);
        struct sv_tune_ask ask = {.root = root, .profile = profile};
        SV_TUNE_PLAN plan = {.n = 0};
        SV_JSON *json = NULL;
        const struct sv_json *list;

        OK(sv_tune_make_plan(&ask, &plan, &err));
        json = sv_tune_plan_json(&plan, &err);
        list = sv_json_get(json, "settings");
        sv_buf_printf(out, "# %s\n", sv_tune_profiles[profile]);
        for (size_t i = 0; i < sv_json_len(list); i++)
                put_plan_line(sv_json_at(list, i), out);
}

static void hosts_have_their_plans(void **state)
{
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *source = getenv("SV_SOURCE");
                SV_STR path =
                        sv_asprintf("%s/tests/unit/hosts/%s.plan", source ? source : ".", names[i]);
                SV_BUF have = SV_BUF_NULL;
                SV_BUF want = SV_BUF_NULL;

                print_message("%s\n", names[i]);
                for (int p = 0; p < SV_TUNE_PROFILES; p++)
                        put_plan(names[i], (enum sv_tune_profile)p, &have);
                if (getenv("SV_WRITE_PLANS"))
                        OK(sv_file_write(path, 0644, sv_buf_bytes(&have), &err));
                OK(sv_file_read(path, 1 << 20, &want, "x", &err));
                assert_string_equal(sv_buf_str(&have), sv_buf_str(&want));
        }
}

/* --- what is asked for --- */

static int plan_with(const char *host, const struct sv_tune_ask *more, struct sv_tune_plan *plan)
{
        SV_STR root = root_of(host);
        struct sv_tune_ask ask = *more;

        ask.root = root;
        return sv_tune_make_plan(&ask, plan, &err);
}

static void refuses(const char *host, const struct sv_tune_ask *ask, enum sv_class class,
                    const char *check, const char *says)
{
        SV_TUNE_PLAN plan = {.n = 0};

        FAILS(plan_with(host, ask, &plan), class, check);
        print_message("%s\n", err.msg);
        assert_non_null(strstr(err.msg, says));
        assert_int_equal(plan.n, 0);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void impossible_wishes(void **state)
{
        static const char *const sizes[] = {"0",        "0:",        "0:1MiB",    ":2MiB",
                                            "0:2MiB:1", "x:2MiB",    "-1:2MiB",   "0=2MiB",
                                            "00:2MiB",  "0:3000KiB", "0:2000GiB", "0:99999999TiB"};
        static const char *const schedulers[] = {"sda", "sda=", "=none", "../sda=none", "sda=cfq"};

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
                refuses("xeon-2s", &(struct sv_tune_ask){.hugepages = LIST(sizes[i])}, SV_USAGE,
                        "tune.hugepages", "--hugepages");
        refuses("xeon-2s", &(struct sv_tune_ask){.hugepages = LIST("1:2MiB", "0:2MiB", "1:4MiB")},
                SV_USAGE, "tune.hugepages", "1:4MiB");
        refuses("xeon-2s", &(struct sv_tune_ask){.hugepages = LIST("2:2MiB")}, SV_USAGE,
                "tune.node", "no node 2");
        for (size_t i = 0; i < sizeof(schedulers) / sizeof(schedulers[0]); i++)
                refuses("desktop", &(struct sv_tune_ask){.schedulers = LIST(schedulers[i])},
                        SV_USAGE, "tune.scheduler", schedulers[i]);
        refuses("desktop", &(struct sv_tune_ask){.schedulers = LIST("sda=cfq")}, SV_USAGE,
                "tune.scheduler", "none, mq-deadline, bfq");
        refuses("desktop", &(struct sv_tune_ask){.schedulers = LIST("sdz=none")}, SV_USAGE,
                "tune.device", "sdz");
        refuses("epyc-512", &(struct sv_tune_ask){.schedulers = LIST("nvme0n1=none")}, SV_USAGE,
                "tune.device", "nvme0n1");
        refuses("desktop", &(struct sv_tune_ask){.skip = LIST("memory.thb")}, SV_USAGE, "tune.knob",
                "did you mean \"memory.thp\"");
        refuses("desktop", &(struct sv_tune_ask){.only = LIST("cpu")}, SV_USAGE, "tune.knob",
                "--only");
}

static const struct sv_tune_setting *find_setting(const struct sv_tune_plan *p, const char *path)
{
        for (size_t i = 0; i < p->n; i++)
                if (!strcmp(p->settings[i].path, path))
                        return &p->settings[i];
        return NULL;
}

static void possible_wishes(void **state)
{
        static const char pages[] =
                "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages";
        SV_TUNE_PLAN plan = {.n = 0};
        const struct sv_tune_setting *s;

        OK(plan_with("xeon-2s",
                     &(struct sv_tune_ask){.hugepages = LIST("1:64GiB"),
                                           .only = LIST("memory.hugepages", "block.scheduler"),
                                           .schedulers =
                                                   LIST("sdc=mq-deadline", "sda=none", "sdc=none")},
                     &plan));
        s = find_setting(&plan, pages);
        assert_non_null(s);
        assert_string_equal(s->wanted, "32768");
        assert_int_equal(s->action, SV_TUNE_SET);
        s = find_setting(&plan, "/sys/block/sda/queue/scheduler");
        assert_string_equal(s->wanted, "none"); /* although it is a path of a multipath device */
        assert_int_equal(s->action, SV_TUNE_SET);
        s = find_setting(&plan, "/sys/block/sdc/queue/scheduler");
        assert_string_equal(s->wanted, "none"); /* the last word counts */
        assert_int_equal(s->action, SV_TUNE_SAME);
        assert_null(find_setting(&plan, "/proc/sys/vm/swappiness"));
}

/* What a daemon sets is left, or taken when asked for. */
static void daemons_keep_their_knobs(void **state)
{
        static const struct {
                const char *host, *path, *says;
        } t[] = {
                {"xeon-tuned", "/proc/sys/vm/swappiness", "tuned (profile virtual-host)"},
                {"xeon-tuned", "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
                 "tuned-adm off"},
                {"epyc-nps4", "/proc/irq/40/smp_affinity_list", "irqbalance"},
                {"epyc-nps4", "/proc/sys/kernel/numa_balancing", "numad"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_TUNE_PLAN leaves = {.n = 0};
                SV_TUNE_PLAN takes = {.n = 0};
                const struct sv_tune_setting *s;

                OK(plan_with(t[i].host, &(struct sv_tune_ask){.take = false}, &leaves));
                s = find_setting(&leaves, t[i].path);
                assert_int_equal(s->action, SV_TUNE_LEFT);
                assert_non_null(strstr(s->why, t[i].says));
                OK(plan_with(t[i].host, &(struct sv_tune_ask){.take = true}, &takes));
                assert_int_equal(find_setting(&takes, t[i].path)->action, SV_TUNE_SET);
        }
}

/* A process of somebody else's may have any name: that is no daemon. */
static void only_roots_daemons_count(void **state)
{
        SV_STR folder = NULL;
        SV_TUNE_PLAN plan = {.n = 0};
        SV_STR root = root_of("xeon-tuned");

        if (geteuid() != 0)
                skip();
        folder = sv_asprintf("%s/proc/700", root);
        assert_int_equal(chown(folder, 65534, 65534), 0);
        OK(plan_with("xeon-tuned", &(struct sv_tune_ask){.take = false}, &plan));
        assert_int_equal(find_setting(&plan, "/proc/sys/vm/swappiness")->action, SV_TUNE_SET);
        assert_int_equal(chown(folder, 0, 0), 0);
}

/* The kernel's own files in strange states. */
static void strange_files(void **state)
{
        static const char path[] = "proc/sys/vm/swappiness";
        SV_STR root = root_of("nested");
        char line[SV_TUNE_VALUE_MAX + 2];
        SV_TUNE_PLAN plan = {.n = 0};

        memset(line, '1', sizeof(line));
        line[SV_TUNE_VALUE_MAX] = '\n';
        line[SV_TUNE_VALUE_MAX + 1] = 0;
        put_host_file(root, line, path);
        OK(plan_with("nested", &(struct sv_tune_ask){.take = false}, &plan));
        assert_int_equal(strlen(find_setting(&plan, "/proc/sys/vm/swappiness")->now),
                         SV_TUNE_VALUE_MAX);
        line[SV_TUNE_VALUE_MAX] = '1';
        put_host_file(root, line, path);
        refuses("nested", &(struct sv_tune_ask){.take = false}, SV_FORMAT, "tune.value",
                "swappiness");
        put_host_file(root, "60\n", path);
        put_host_file(root, "nonsense\n", "proc/irq/25/smp_affinity_list");
        refuses("nested", &(struct sv_tune_ask){.take = false}, SV_FORMAT, "tune.value", "irq/25");
        put_host_file(root, "0-7\n", "proc/irq/25/smp_affinity_list");
}

static void as_many_settings_as_fit(void **state)
{
        const struct sv_knob *k = sv_knob_named("memory.swappiness");
        SV_STR root = root_of("nested");
        SV_TUNE_PLAN plan = {.ask.root = root};

        for (size_t i = 0; i < SV_TUNE_SETTINGS_MAX; i++)
                OK(sv_tune_want(&plan, k, k->interface, "1", NULL, &err));
        FAILS(sv_tune_want(&plan, k, k->interface, "1", NULL, &err), SV_FORMAT, "tune.settings");
        FAILS(sv_tune_leave(&plan, k, k->interface, sv_asprintf("x"), &err), SV_FORMAT,
              "tune.settings");
}

/* --- plans that are compared --- */

static void change_of_a_host_is_seen(void **state)
{
        SV_STR root = root_of("desktop");
        SV_TUNE_PLAN before = {.n = 0};
        SV_TUNE_PLAN after = {.n = 0};
        SV_JSON *a = NULL;
        SV_JSON *b = NULL;
        SV_JSON *none = sv_json_object();

        OK(plan_with("desktop", &(struct sv_tune_ask){.take = false}, &before));
        a = sv_tune_plan_json(&before, &err);
        OK(sv_tune_compare_plans(a, a, &err));
        put_host_file(root, "30\n", "proc/sys/vm/swappiness");
        OK(plan_with("desktop", &(struct sv_tune_ask){.take = false}, &after));
        b = sv_tune_plan_json(&after, &err);
        FAILS(sv_tune_compare_plans(a, b, &err), SV_SYSTEM, "tune.changed");
        assert_non_null(strstr(err.msg, "/proc/sys/vm/swappiness"));
        FAILS(sv_tune_compare_plans(none, b, &err), SV_FORMAT, "tune.plan");
        put_host_file(root, "60\n", "proc/sys/vm/swappiness");
}

/* Each row says all, and no two have a name. */
static void rows_are_whole(void **state)
{
        const struct sv_knob *k;
        size_t n;

        for (n = 0; (k = sv_knob_at(n)); n++) {
                assert_ptr_equal(sv_knob_named(k->name), k);
                for (const char *const *t =
                             (const char *const[]){k->interface, k->what, k->gain, k->source,
                                                   k->hurts, k->risk, NULL};
                     *t; t++)
                        assert_true(strlen(*t) > 3);
                for (int p = 0; p < SV_TUNE_PROFILES; p++)
                        assert_non_null(k->wish[p].why);
                assert_non_null(k->find);
        }
        assert_true(n >= 20);
        assert_null(sv_knob_named("none"));
}

static void masks(void **state)
{
        static const struct {
                const char *list, *mask;
        } t[] = {{"", "0"},
                 {"0", "1"},
                 {"31", "80000000"},
                 {"32", "1,00000000"},
                 {"0,35", "8,00000001"},
                 {"64-127", "ffffffff,ffffffff,00000000,00000000"}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_bitset set = {{0}};
                SV_BUF out = SV_BUF_NULL;

                OK(sv_bitset_parse(t[i].list, SV_CPUS_MAX, &set, "x", "tune.value", &err));
                sv_kernel_put_mask(&set, &out);
                assert_string_equal(sv_buf_str(&out), t[i].mask);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hosts_have_their_plans),
                cmocka_unit_test(impossible_wishes),
                cmocka_unit_test(possible_wishes),
                cmocka_unit_test(daemons_keep_their_knobs),
                cmocka_unit_test(only_roots_daemons_count),
                cmocka_unit_test(strange_files),
                cmocka_unit_test(as_many_settings_as_fit),
                cmocka_unit_test(change_of_a_host_is_seen),
                cmocka_unit_test(rows_are_whole),
                cmocka_unit_test(masks),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
