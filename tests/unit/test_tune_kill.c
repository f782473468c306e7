/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/tune: killed at each system call of apply and undo, each setting is as before or as
 * planned, and undo brings all back. */
#include "tests/unit/tune_host.h"
#include "tests/unit/kill_each.h"

static struct sv_tune_plan killed_plan;

static void assert_each_is_one_of_both(void)
{
        for (size_t i = 0; i < killed_plan.n; i++) {
                const struct sv_tune_setting *s = &killed_plan.settings[i];

                if (!is_value(s, s->now) && !(s->wanted && is_value(s, s->wanted)))
                        fail_msg("%s is neither as before nor as planned", s->path);
        }
}

static int apply_planned(void)
{
        SV_JSON *result = sv_json_object();
        struct sv_err own = SV_ERR_NULL;

        return sv_tune_apply(&killed_plan, record, result, &own);
}

static void killed_while_it_applies(void **state)
{
        long n;

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(make_plan(&killed_plan));
        for (n = 1; kill_at_call(apply_planned, n); n++) {
                assert_each_is_one_of_both();
                if (has_record("applied.json"))
                        assert_in_force(&killed_plan);
                else if (!has_record("applying.json"))
                        assert_as_before(&killed_plan);
                OK(undo_host());
                assert_as_before(&killed_plan);
                assert_no_record();
        }
        print_message("%ld calls\n", n);
        assert_true(n > 30);
        assert_in_force(&killed_plan);
        OK(undo_host());
        assert_as_before(&killed_plan);
        sv_tune_plan_free(&killed_plan);
}

/* The same for one on top of another: what was before the first comes back. */
static void killed_while_it_applies_again(void **state)
{
        SV_TUNE_PLAN first = {.n = 0};
        long n;

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(make_plan(&first));
        for (n = 1;; n++) {
                bool killed;

                OK(apply_host());
                put_host_file(root, "33\n", "proc/sys/vm/swappiness");
                OK(make_plan(&killed_plan));
                killed = kill_at_call(apply_planned, n);
                assert_each_is_one_of_both();
                sv_tune_plan_free(&killed_plan);
                if (!has_record("applying.json"))
                        put_host_file(root, "10\n", "proc/sys/vm/swappiness");
                OK(undo_host());
                assert_as_before(&first);
                assert_no_record();
                if (!killed)
                        break;
        }
        assert_true(n > 20);
}

static int undo_in_child(void)
{
        struct sv_err own = SV_ERR_NULL;
        SV_JSON *result = sv_json_object();

        return sv_tune_undo(root, record, result, &own);
}

static void killed_while_it_undoes(void **state)
{
        SV_TUNE_PLAN plan = {.n = 0};
        bool killed = true;

        take_host("nested", SV_TUNE_THROUGHPUT);
        OK(make_plan(&plan));
        for (long n = 1; killed; n++) {
                OK(apply_host());
                killed = kill_at_call(undo_in_child, n);
                OK(undo_host());
                assert_as_before(&plan);
                assert_no_record();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(killed_while_it_applies),
                cmocka_unit_test(killed_while_it_applies_again),
                cmocka_unit_test(killed_while_it_undoes),
        };

        return cmocka_run_group_tests(tests, make_base, tear_down_tuning);
}
