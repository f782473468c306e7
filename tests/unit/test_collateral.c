/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/cli/collateral.h"

static struct sv_err err;

static void put(const char *dir, const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);

        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

static int set_up(void **state)
{
        static char dir[] = "/tmp/svcollXXXXXX";

        snprintf(dir, sizeof(dir), "/tmp/svcollXXXXXX");
        *state = mkdtemp(dir);
        return *state ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(*state, NULL);
}

/* Files by kind: up to the first dot, "_" read as "-", in the order of names; folders and hidden
 * files are not collateral. */
static void test_folder(void **state)
{
        struct sv_files f = {0};
        SV_STR sub = sv_asprintf("%s/sub", (char *)*state);

        put(*state, "tcb_info.json", "{}");
        put(*state, "ek-root.2.pem", "second");
        put(*state, "ek-root.1.pem", "first");
        put(*state, ".hidden", "x");
        assert_int_equal(mkdir(sub, 0700), 0);
        OK(sv_files_add_path(&f, *state, &err));
        assert_int_equal(f.n, 3);
        assert_string_equal(f.list[0].kind, "ek-root");
        assert_int_equal(f.list[0].data.n, 5);
        assert_string_equal(f.list[1].kind, "ek-root");
        assert_string_equal(f.list[2].kind, "tcb-info");
        sv_files_free(&f);
        assert_int_equal(f.n, 0);
}

static void test_file_is_a_bundle(void **state)
{
        struct sv_files f = {0};
        SV_STR path = sv_asprintf("%s/bundle.json", (char *)*state);

        put(*state, "bundle.json", "{}");
        OK(sv_files_add_path(&f, path, &err));
        assert_int_equal(f.n, 1);
        assert_string_equal(f.list[0].kind, "bundle");
        sv_files_free(&f);
}

static void test_refused(void **state)
{
        struct sv_files f = {0};

        FAILS(sv_files_add_path(&f, "/nonexistent/folder", &err), SV_SYSTEM, "verify.collateral");
        FAILS(sv_files_add(&f, "ek-root", "/nonexistent/file", &err), SV_SYSTEM,
              "verify.collateral");
        put(*state, "a-name-that-is-longer-than-any-kind-there-is.pem", "x");
        FAILS(sv_files_add_path(&f, *state, &err), SV_USAGE, "verify.collateral");
        sv_files_free(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_folder, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_file_is_a_bundle, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
