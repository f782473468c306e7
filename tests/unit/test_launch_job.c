/* SPDX-License-Identifier: Apache-2.0 */
/* Work on disks: what is asked, the tool that writes, and the thread. */
#include "launcher/keeper/job.h"
#include "tests/unit/two_disks.h"

/* In qemu-img's place; `script` of a shell. */
static void put_tool(const char *script)
{
        SV_STR folder = sv_asprintf("%s/bin", base);
        SV_STR tool = sv_asprintf("%s/qemu-img", folder);
        SV_STR text = sv_asprintf("#!/bin/sh\n%s\n", script);
        SV_STR path = sv_asprintf("%s:%s", folder, getenv("PATH"));

        OK(sv_mkdirs(folder, 0700, &err));
        OK(sv_file_write(tool, 0700, sv_bytes_str(text), &err));
        if (strncmp(getenv("PATH"), folder, strlen(folder)))
                setenv("PATH", path, 1);
}

static void drop_tool(void)
{
        SV_STR tool = sv_asprintf("%s/bin/qemu-img", base);

        unlink(tool);
}

static void a_merge_that_fails_loses_nothing(void **state)
{
        begin_disks();
        OK(do_snapshot(sv_snapshot_create, "one"));
        write_disk(0, "0x31");
        OK(do_snapshot(sv_snapshot_create, "two"));
        put_tool("exit 1");
        FAILS(do_snapshot(sv_snapshot_delete, "one"), SV_SYSTEM, "snapshot.merge");
        drop_tool();
        assert_true(reads(0, "0x31"));
        FAILS(do_snapshot(sv_snapshot_revert, "one"), SV_USAGE, "snapshot.merging");
        OK(do_snapshot(sv_snapshot_delete, "one"));
        assert_true(reads(0, "0x31"));
        put_tool("exit 1");
        FAILS(do_snapshot(NULL, NULL), SV_SYSTEM, "snapshot.merge");
        drop_tool();
        assert_true(reads(0, "0x31"));
        OK(do_snapshot(NULL, NULL));
        assert_true(reads(0, "0x31"));
}

static void one_job_at_a_time(void **state)
{
        SV_STR go = sv_asprintf("%s/go", base);
        SV_STR script = sv_asprintf("while [ ! -e %s ]; do sleep 0.02; done; exit 1", go);
        struct sv_task t = {.kind = SV_TASK_FLATTEN};
        SV_JSON *status = sv_json_object();
        SV_CHAINS c = {0};
        struct sv_disks d = {.chains = &c};
        struct sv_job j;

        begin_disks();
        OK(do_snapshot(sv_snapshot_create, "one"));
        put_tool(script);
        OK(sv_chains_take(&guest, &c, &err));
        sv_job_init(&j);
        sv_job_put(&j, status);
        assert_null(sv_json_get(status, "job"));
        OK(sv_job_start(&j, &t, &d, &err));
        FAILS(sv_job_start(&j, &t, &d, &err), SV_SYSTEM, "snapshot.busy");
        sv_job_put(&j, status);
        assert_string_equal(sv_json_text(sv_json_get(status, "job"), "state", ""), "running");
        OK(sv_file_write(go, 0600, sv_bytes_str(""), &err));
        sv_job_end(&j);
        sv_job_put(&j, status);
        assert_string_equal(sv_json_text(sv_json_get(status, "job"), "state", ""), "failed");
        assert_string_equal(sv_json_str(sv_json_pointer(status, "/job/error/check")),
                            "snapshot.merge");
        drop_tool();
        t = (struct sv_task){.kind = SV_TASK_CREATE, .name = "two"};
        OK(sv_job_start(&j, &t, &d, &err));
        sv_job_end(&j);
        sv_job_put(&j, status);
        assert_string_equal(sv_json_text(sv_json_get(status, "job"), "state", ""), "done");
        assert_int_equal(sv_json_int(sv_json_pointer(status, "/job/number"), 0), 2);
        sv_job_free(&j);
}

static void tasks_are_read_as_written(void **state)
{
        static const struct sv_task tasks[] = {
                {SV_TASK_CREATE, "a"},
                {SV_TASK_REVERT, "b"},
                {SV_TASK_DELETE, "c"},
                {SV_TASK_FLATTEN, ""},
        };
        static const char *const wrong[] = {
                "{}",
                "[]",
                "{\"kind\":\"snapshot create\"}",
                "{\"kind\":\"x\",\"name\":\"a\"}",
                "{\"kind\":\"snapshot flatten\",\"name\":\"a\"}",
                "{\"kind\":\"snapshot create\",\"name\":\"a/b\"}",
        };
        struct sv_task t;

        for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++) {
                SV_JSON *j = sv_task_print(&tasks[i]);

                t = (struct sv_task){0};
                OK(sv_task_parse(j, &t, &err));
                assert_memory_equal(&t, &tasks[i], sizeof(t));
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                SV_JSON *j = NULL;

                OK(sv_json_parse(sv_bytes_str(wrong[i]), "x", &j, &err));
                assert_int_equal(sv_task_parse(j, &t, &err), -1);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_merge_that_fails_loses_nothing),
                cmocka_unit_test(one_job_at_a_time),
                cmocka_unit_test(tasks_are_read_as_written),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
