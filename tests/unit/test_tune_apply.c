/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/tune: a plan is in force as a whole or not at all, whatever ends it, and goes back. */
#include <sys/file.h>

#include "launcher/tune/journal.h"
#include "tests/unit/tune_host.h"

/* --- there and back --- */

/* What is wanted of such a card's queues is planned when they are there. */
static bool sets_queues(const struct sv_tune_plan *plan)
{
        for (size_t i = 0; i < plan->n; i++)
                if (plan->settings[i].action == SV_TUNE_SET &&
                    !strcmp(plan->settings[i].knob->name, "network.queues"))
                        return true;
        return false;
}

static void there_and_back(void **state)
{
        static const struct {
                const char *host;
                enum sv_tune_profile profile;
        } t[] = {{"desktop", SV_TUNE_LATENCY},   {"xeon-tuned", SV_TUNE_LATENCY},
                 {"epyc-nps4", SV_TUNE_DENSITY}, {"xeon-2s", SV_TUNE_THROUGHPUT},
                 {"xeon-snc2", SV_TUNE_LATENCY}, {"epyc-512", SV_TUNE_THROUGHPUT},
                 {"nested", SV_TUNE_THROUGHPUT}, {"xeon-isolated", SV_TUNE_DENSITY}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_TUNE_PLAN plan = {.n = 0};
                SV_TUNE_PLAN again = {.n = 0};
                SV_TUNE_PLAN last = {.n = 0};

                take_host(t[i].host, t[i].profile);
                OK(make_plan(&plan));
                FAILS(check_host_now(), SV_SYSTEM, "tune.nothing");
                OK(undo_host()); /* nothing to do */
                OK(apply_host());
                assert_in_force(&plan);
                assert_false(has_record("applying.json"));
                OK(check_host_now());
                OK(make_plan(&again));
                for (size_t k = 0; k < again.n && !sets_queues(&plan); k++)
                        assert_int_not_equal(again.settings[k].action, SV_TUNE_SET);
                OK(apply_host()); /* changes nothing, and what was there is not forgotten */
                OK(make_plan(&last));
                for (size_t k = 0; k < last.n; k++)
                        assert_int_not_equal(last.settings[k].action, SV_TUNE_SET);
                OK(undo_host());
                assert_as_before(&plan);
                for (size_t k = 0; k < again.n; k++)
                        if (again.settings[k].action == SV_TUNE_SET)
                                assert_value(&again.settings[k], again.settings[k].now);
                assert_no_record();
        }
}

/* All is as applied, and a disk of guests has a path less. */
static void lost_path(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};
        SV_JSON *found = sv_json_object();
        const struct sv_json *lost;

        take_host("epyc-512", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        OK(apply_host());
        OK(check_host_now());
        put_host_file(root, "connecting\n", "sys/class/nvme/nvme1/state");
        FAILS(sv_tune_check(root, record, found, &err), SV_PROOF, "tune.path");
        assert_non_null(strstr(err.msg, "nvme1 is connecting"));
        assert_int_equal(sv_json_len(sv_json_get(found, "differences")), 0);
        lost = sv_json_get(found, "lost_paths");
        assert_int_equal(sv_json_len(lost), 1);
        assert_string_equal(sv_json_text(sv_json_at(lost, 0), "path", ""),
                            "/sys/class/nvme/nvme1/state");
        {
                SV_BUF metrics = SV_BUF_NULL;

                sv_tune_put_metrics(found, 0, &metrics);
                assert_non_null(strstr(sv_buf_str(&metrics), "secure_vm_tune_lost_paths 1\n"));
        }
        put_host_file(root, "33\n", "sys/class/nvme/nvme0/ctrl_loss_tmo");
        FAILS(check_host_now(), SV_PROOF, "tune.differs"); /* what apply can mend comes first */
        OK(undo_host());
}

/* A second apply on top: undo goes back to what was before the first. */
static void second_apply(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};

        take_host("xeon-2s", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        OK(apply_host());
        hugepages = (const char *const[]){"0:2MiB", NULL};
        put_host_file(root, "33\n", "proc/sys/vm/swappiness"); /* somebody else's, set again */
        OK(apply_host());
        OK(check_host_now());
        OK(undo_host());
        assert_as_before(&plan);
        {
                SV_BUF pages = SV_BUF_NULL;

                sv_kernel_file_read(
                        root,
                        "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages",
                        SV_KERNEL_TEXT, &pages, NULL);
                assert_string_equal(sv_buf_str(&pages), "0");
        }
        OK(apply_host());
        profile = SV_TUNE_DENSITY;
        FAILS(apply_host(), SV_USAGE, "tune.applied");
        assert_non_null(strstr(err.msg, "throughput"));
}

/* --- each knob, turned by somebody else, is named by check --- */

static unsigned sabotage_host(const char *host, enum sv_tune_profile p, bool *seen)
{
        SV_TUNE_PLAN plan = {.n = 0};
        const struct sv_knob *last = NULL;
        unsigned n = 0;

        take_host(host, p);
        hugepages = (const char *const[]){"0:4MiB", NULL};
        OK(make_plan(&plan));
        OK(apply_host());
        for (size_t i = 0; i < plan.n; i++) {
                const struct sv_tune_setting *s = &plan.settings[i];
                SV_JSON *found = sv_json_object();
                const struct sv_json *d;
                size_t row;

                if (s->action != SV_TUNE_SET || s->knob == last)
                        continue;
                last = s->knob;
                assert_int_equal(write_as_kernel(root, s->path, s->now), 0);
                FAILS(sv_tune_check(root, record, found, &err), SV_PROOF, "tune.differs");
                assert_non_null(strstr(err.msg, s->path));
                assert_int_equal(sv_json_len(sv_json_get(found, "differences")), 1);
                d = sv_json_at(sv_json_get(found, "differences"), 0);
                assert_string_equal(sv_json_text(d, "knob", ""), s->knob->name);
                assert_string_equal(sv_json_text(d, "path", ""), s->path);
                assert_string_equal(sv_json_text(d, "found", ""), s->now);
                assert_string_equal(sv_json_text(d, "wanted", ""), s->wanted);
                assert_int_equal(write_as_kernel(root, s->path, s->wanted), 0);
                OK(check_host_now());
                for (row = 0; sv_knob_at(row) != s->knob; row++)
                        ;
                n += !seen[row];
                seen[row] = true;
        }
        return n;
}

static void sabotage(void **state)
{
        bool seen[64] = {false};
        unsigned n = sabotage_host("xeon-2s", SV_TUNE_THROUGHPUT, seen) +
                     sabotage_host("xeon-snc2", SV_TUNE_LATENCY, seen) +
                     sabotage_host("xeon-isolated", SV_TUNE_DENSITY, seen) +
                     sabotage_host("epyc-512", SV_TUNE_THROUGHPUT, seen);

        for (size_t i = 0; sv_knob_at(i); i++)
                if (!seen[i])
                        print_message("not tried: %s\n", sv_knob_at(i)->name);
        assert_true(n >= 20);
        assert_null(sv_knob_at(n)); /* all that there are */
}

/* What was right before is named when it no longer is, and undo leaves it; not where a daemon is
 * let to set it. */
static void right_already(void **state)
{
        static const struct {
                const char *host;
                bool others;
        } t[] = {{"nested", false}, {"xeon-tuned", true}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *undone = sv_json_object();

                take_host(t[i].host, SV_TUNE_THROUGHPUT);
                takes = !t[i].others;
                put_host_file(root, "10\n", "proc/sys/vm/swappiness");
                OK(apply_host());
                OK(check_host_now());
                put_host_file(root, "61\n", "proc/sys/vm/swappiness");
                if (t[i].others)
                        OK(check_host_now());
                else
                        FAILS(check_host_now(), SV_PROOF, "tune.differs");
                OK(sv_tune_undo(root, record, undone, &err));
                assert_int_equal(sv_json_len(sv_json_get(undone, "kept")), t[i].others ? 0 : 1);
                assert_int_equal(sv_kernel_file_number(root, "/proc/sys/vm/swappiness", 0), 61);
        }
}

/* A processor that went off, a card that was pulled, another disk of the same name. */
static void what_is_gone(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};
        SV_STR file = NULL;
        SV_JSON *found = sv_json_object();
        SV_JSON *undone = sv_json_object();
        const struct sv_json *list;

        take_host("desktop", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        OK(apply_host());
        file = sv_asprintf("%s/sys/devices/system/cpu/cpufreq/policy5/scaling_governor", root);
        assert_int_equal(unlink(file), 0);
        put_host_link(root, "../devices/virtual/block/dm-0", "sys/block/sda");
        put_host_file(root, "77\n", "proc/sys/vm/swappiness");
        FAILS(sv_tune_check(root, record, found, &err), SV_PROOF, "tune.differs");
        list = sv_json_get(found, "differences");
        assert_int_equal(sv_json_len(list), 4);
        assert_null(sv_json_str(sv_json_get(sv_json_at(list, 0), "found")));
        assert_string_equal(sv_json_text(sv_json_at(list, 2), "why", ""),
                            "another device has its name now");
        OK(sv_tune_undo(root, record, undone, &err));
        list = sv_json_get(undone, "kept");
        assert_int_equal(sv_json_len(list), 4);
        assert_string_equal(sv_json_text(sv_json_at(list, 0), "why", ""), "it is gone");
        assert_string_equal(sv_json_text(sv_json_at(list, 1), "why", ""),
                            "it was changed by somebody else since");
        assert_no_record();
}

static void restore_values(const struct sv_tune_plan *plan)
{
        for (size_t i = 0; i < plan->n; i++)
                if (plan->settings[i].action == SV_TUNE_SET)
                        assert_int_equal(write_as_kernel(root, plan->settings[i].path,
                                                         plan->settings[i].now),
                                         0);
}

/* A boot has set what it sets: that is left, as are values that are as ours were (KSM, say, that
 * was on by hand before, is off by default, and would be switched on). */
static void after_a_boot(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};
        SV_JSON *undone = sv_json_object();
        size_t sets = 0, back = 0;

        take_host("xeon-2s", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        OK(apply_host());
        put_host_file(root, "another\n", "proc/sys/kernel/random/boot_id");
        for (size_t i = 0; i < plan.n; i++) {
                const struct sv_tune_setting *s = &plan.settings[i];

                if (s->action != SV_TUNE_SET)
                        continue;
                if (sets++ % 2 == 0)
                        continue;
                assert_int_equal(write_as_kernel(root, s->path, s->now), 0);
                back++;
        }
        assert_true(sets > back && back);
        writes = 0;
        OK(sv_tune_undo(root, record, undone, &err));
        assert_int_equal(writes, 0);
        assert_int_equal(sv_json_int(sv_json_get(undone, "restored"), -1), 0);
        assert_no_record();
        restore_values(&plan);

        /* another profile is no contradiction then */
        OK(apply_host());
        put_host_file(root, "a third\n", "proc/sys/kernel/random/boot_id");
        put_host_file(root, "44\n", "proc/sys/vm/swappiness");
        profile = SV_TUNE_LATENCY;
        {
                SV_TUNE_PLAN second = {.n = 0};

                OK(make_plan(&second));
                OK(apply_host());
                OK(undo_host());
                assert_as_before(&second);
        }
        assert_int_equal(sv_kernel_file_number(root, "/proc/sys/vm/swappiness", 0), 44);
        assert_no_record();
}

/* --- refused --- */

static size_t count_sets(const struct sv_tune_plan *plan)
{
        size_t n = 0;

        for (size_t i = 0; i < plan->n; i++)
                n += plan->settings[i].action == SV_TUNE_SET;
        return n;
}

static void each_write_refused(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};
        size_t sets;

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        sets = count_sets(&plan);
        assert_true(sets >= 6);
        for (size_t i = 0; i < sets; i++) {
                refuse_from((int)i, 1, EBUSY);
                FAILS(apply_host(), SV_SYSTEM, "tune.refused");
                assert_non_null(strstr(err.msg, "busy"));
                assert_as_before(&plan);
                assert_no_record();
                /* the kernel takes it, and keeps what it had */
                refuse_from((int)i, 1, 0);
                keeps = true;
                FAILS(apply_host(), SV_SYSTEM, "tune.refused");
                assert_non_null(strstr(err.msg, "the kernel made it \""));
                assert_as_before(&plan);
                assert_no_record();
        }
        forgive();
        OK(apply_host());
}

/* Not even the way back is open: undo remembers, and can be tried until it is. */
static void no_way_back(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        refuse_from(3, 1000, EIO);
        FAILS(apply_host(), SV_SYSTEM, "tune.back");
        assert_true(has_record("applying.json"));
        forgive();
        FAILS(apply_host(), SV_SYSTEM, "tune.unfinished");
        FAILS(check_host_now(), SV_SYSTEM, "tune.unfinished");
        put_host_file(root, "another\n", "proc/sys/kernel/random/boot_id");
        restore_values(&plan);
        OK(apply_host()); /* a boot has taken back what was cut short */
        OK(undo_host());
        assert_as_before(&plan);
        refuse_from(3, 1000, EIO);
        FAILS(apply_host(), SV_SYSTEM, "tune.back");
        refuse_from(0, 1000, EIO);
        FAILS(undo_host(), SV_SYSTEM, "tune.undo");
        assert_true(has_record("applying.json"));
        forgive();
        OK(undo_host());
        assert_as_before(&plan);
        assert_no_record();
}

/* The kernel makes a third value of the old one: that is nobody else's, and undo does not forget.
 */
static void kept_as_another(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};
        SV_JSON *undone = sv_json_object();

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        OK(apply_host());
        odd_path = "/proc/sys/vm/swappiness";
        FAILS(undo_host(), SV_SYSTEM, "tune.undo");
        assert_non_null(strstr(err.msg, "the kernel keeps another"));
        assert_true(has_record("applied.json"));
        forgive();
        put_host_file(root, "10\n", "proc/sys/vm/swappiness");
        OK(sv_tune_undo(root, record, undone, &err));
        assert_no_record();
}

static void closed_file(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        closed_path = plan.settings[plan.n - 1].path;
        FAILS(apply_host(), SV_SYSTEM, "tune.write");
        assert_non_null(strstr(err.msg, closed_path));
        assert_int_equal(writes, 0);
        assert_no_record();
        forgive();
        /* between plan and apply */
        put_host_file(root, "61\n", "proc/sys/vm/swappiness");
        {
                SV_JSON *result = sv_json_object();

                FAILS(sv_tune_apply(&plan, record, result, &err), SV_SYSTEM, "tune.changed");
                assert_int_equal(writes, 0);
        }
        assert_no_record();
}

/* The kernel says only to who writes that it places an interrupt by itself. */
static void managed_interrupt(void **state)
{
        static const int words[] = {EIO, EPERM};

        for (size_t i = 0; i < 2; i++) {
                SV_TUNE_PLAN plan = {.n = 0};
                SV_JSON *result = sv_json_object();
                const struct sv_json *left;

                take_host("xeon-2s", SV_TUNE_THROUGHPUT);
                OK(make_plan(&plan));
                managed_path = "/proc/irq/61/smp_affinity_list";
                refuse_with = words[i];
                OK(sv_tune_apply(&plan, record, result, &err));
                left = sv_json_get(result, "left");
                assert_int_equal(sv_json_len(left), 1);
                assert_string_equal(sv_json_str(sv_json_at(left, 0)), managed_path);
                OK(check_host_now());
                OK(undo_host());
                assert_as_before(&plan);
                refuse_with = EINVAL;
                FAILS(apply_host(), SV_SYSTEM, "tune.write");
        }
}

/* --- the record --- */

static void damaged_record(void **state)
{
        static const char head[] = "{\"format\":1,\"root\":\"\",\"boot\":\"\",\"profile\":\"x\"";
        static const char *const bad[] = {
                "",
                "{",
                "{\"format\":2}",
                "{\"format\":1}",
                "[]",
                "{\"format\":1,\"root\":\"\",\"boot\":\"\",\"profile\":\"x\"}",
                "HEAD,\"settings\":[{}]}",
                "HEAD,\"settings\":[{\"knob\":\"k\",\"path\":\"/etc/passwd\",\"id\":\"\",\"form\":"
                "\"text\",\"old\":\"\",\"before\":\"\",\"wanted\":\"\"}]}",
                "HEAD,\"settings\":[{\"knob\":\"k\",\"path\":\"/sys/../etc/passwd\",\"id\":\"\","
                "\"form\":\"text\",\"old\":\"\",\"before\":\"\",\"wanted\":\"\"}]}",
                "HEAD,\"settings\":[{\"knob\":\"k\",\"path\":\"/sys/x\",\"id\":\"\",\"form\":"
                "\"song\",\"old\":\"\",\"before\":\"\",\"wanted\":\"\"}]}",
                "HEAD,\"settings\":[{\"knob\":\"k\",\"path\":\"/sys/x\",\"id\":\"\",\"form\":"
                "\"text\",\"old\":\"a\\nb\",\"before\":\"\",\"wanted\":\"\"}]}",
        };

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(apply_host());
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                SV_STR text = strncmp(bad[i], "HEAD", 4) ? sv_asprintf("%s", bad[i])
                                                         : sv_asprintf("%s%s", head, bad[i] + 4);
                SV_STR path = sv_asprintf("%s/applied.json", record);

                OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
                FAILS(undo_host(), SV_FORMAT, "tune.journal");
                FAILS(check_host_now(), SV_FORMAT, "tune.journal");
                FAILS(apply_host(), SV_FORMAT, "tune.journal");
        }
}

static void as_many_as_a_record_holds(void **state)
{
        SV_TUNE_JOURNAL j = {.root = sv_asprintf("/r"),
                             .boot = sv_asprintf("b"),
                             .profile = sv_asprintf("latency")};
        SV_TUNE_JOURNAL back = {.n = 0};
        bool unfinished;

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(sv_mkdirs(record, 0700, &err));
        for (size_t i = 0; i <= SV_TUNE_SETTINGS_MAX; i++) {
                struct sv_tune_entry e = {
                        .knob = sv_asprintf("k"),
                        .path = sv_asprintf("/sys/%zu", i),
                        .id = sv_asprintf("%s", ""),
                        .old = sv_asprintf("1"),
                        .before = sv_asprintf("1"),
                        .wanted = sv_asprintf("2"),
                };

                if (i < SV_TUNE_SETTINGS_MAX)
                        OK(sv_tune_journal_add(&j, e, &err));
                else
                        FAILS(sv_tune_journal_add(&j, e, &err), SV_FORMAT, "tune.settings");
        }
        OK(sv_tune_journal_begin(record, &j, &err));
        assert_int_equal(sv_tune_journal_read(record, &back, &unfinished, &err), 1);
        assert_true(unfinished);
        assert_int_equal(back.n, SV_TUNE_SETTINGS_MAX);
        assert_string_equal(back.entries[back.n - 1].path, j.entries[j.n - 1].path);
}

static void one_at_a_time(void **state)
{
        SV_STR path = NULL;
        SV_STR applied = NULL;
        SV_STR applying = NULL;
        SV_JSON *found = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        int fd;

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(apply_host());
        path = sv_asprintf("%s/lock", record);
        fd = open(path, O_RDWR | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        FAILS(apply_host(), SV_SYSTEM, "tune.busy");
        FAILS(undo_host(), SV_SYSTEM, "tune.busy");
        OK(check_host_now()); /* only looks */
        /* in the middle of it: not an apply that was cut short */
        applied = sv_asprintf("%s/applied.json", record);
        applying = sv_asprintf("%s/applying.json", record);
        assert_int_equal(rename(applied, applying), 0);
        FAILS(sv_tune_check(root, record, found, &err), SV_SYSTEM, "tune.busy");
        sv_tune_put_metrics(found, 1, &text);
        assert_int_equal(text.n, 0);
        close(fd);
        FAILS(check_host_now(), SV_SYSTEM, "tune.unfinished");
        assert_int_equal(rename(applying, applied), 0);
        OK(check_host_now());
        free(root);
        root = sv_asprintf("%s/elsewhere", base);
        FAILS(undo_host(), SV_USAGE, "tune.root");
        FAILS(check_host_now(), SV_USAGE, "tune.root");
}

/* No room for the record: nothing was changed. */
static void no_room_for_the_record(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};
        SV_STR place = NULL;

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        OK(sv_mkdirs(record, 0700, &err));
        place = sv_asprintf("%s/lock", record);
        OK(sv_mkdirs(place, 0700, &err));
        FAILS(apply_host(), SV_SYSTEM, "tune.journal");
        assert_as_before(&plan);
        assert_int_equal(writes, 0);
}

/* --- what a monitor reads --- */

static void metrics(void **state)
{
        SV_JSON *found = sv_json_object();
        SV_JSON *none = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        SV_BUF nothing = SV_BUF_NULL;

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(apply_host());
        put_host_file(root, "77\n", "proc/sys/vm/swappiness");
        FAILS(sv_tune_check(root, record, found, &err), SV_PROOF, "tune.differs");
        sv_tune_put_metrics(found, 1700000000, &text);
        assert_non_null(strstr(sv_buf_str(&text),
                               "\nsecure_vm_tune_settings{profile=\"throughput\"} 11\n"));
        assert_non_null(strstr(sv_buf_str(&text), "\nsecure_vm_tune_differences{knob=\"memory."
                                                  "swappiness\"} 1\n"));
        assert_non_null(
                strstr(sv_buf_str(&text), "\nsecure_vm_tune_differences{knob=\"memory.ksm\"} 0\n"));
        assert_non_null(strstr(sv_buf_str(&text), "\nsecure_vm_tune_unfinished 0\n"));
        assert_non_null(strstr(sv_buf_str(&text), "\nsecure_vm_tune_checked_seconds 1700000000\n"));
        sv_json_set_str(none, "profile", "a\"} 1\nx");
        sv_json_set_bool(none, "unfinished", false);
        sv_tune_put_metrics(none, 1, &nothing);
        assert_non_null(strstr(sv_buf_str(&nothing), "settings{profile=\"\"} 0\n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(there_and_back), cmocka_unit_test(lost_path),
                cmocka_unit_test(second_apply),   cmocka_unit_test(sabotage),
                cmocka_unit_test(right_already),  cmocka_unit_test(what_is_gone),
                cmocka_unit_test(after_a_boot),   cmocka_unit_test(each_write_refused),
                cmocka_unit_test(no_way_back),    cmocka_unit_test(kept_as_another),
                cmocka_unit_test(closed_file),    cmocka_unit_test(managed_interrupt),
                cmocka_unit_test(damaged_record), cmocka_unit_test(as_many_as_a_record_holds),
                cmocka_unit_test(one_at_a_time),  cmocka_unit_test(no_room_for_the_record),
                cmocka_unit_test(metrics),
        };

        return cmocka_run_group_tests(tests, make_base, tear_down_tuning);
}
