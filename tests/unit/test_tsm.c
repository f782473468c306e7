/* SPDX-License-Identifier: Apache-2.0 */
/* Reports through configfs-tsm, against a kernel of our own: whose report it is, who else is there,
 * what is left behind. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "tests/unit/tsm_kernel.h"

static const uint8_t data[64] = "over this";

static void echo(const uint8_t *inblob, size_t n, int privlevel, struct sv_buf *out)
{
        sv_buf_printf(out, "report %d ", privlevel);
        sv_buf_put(out, sv_bytes(inblob, n));
}

static int get(struct tsm_kernel *k, int level, struct sv_tsm_report *r, struct sv_err *err)
{
        const struct sv_tsm_ops ops = tsm_kernel_ops(k);
        const struct sv_tsm tsm = {.root = "/nowhere", .ops = &ops};
        int result = sv_tsm_get(&tsm, "sev_guest", level, sv_bytes(data, sizeof(data)), r, err);

        assert_string_equal(k->dir, ""); /* removed on every way out */
        assert_int_equal(k->made, k->removed);
        return result;
}

static void test_report(void **state)
{
        struct tsm_kernel k = {.provider = "sev_guest",
                               .report = echo,
                               .aux = sv_bytes_str("certs"),
                               .clashes = 3};
        SV_TSM_REPORT r = {0};
        struct sv_err err;

        OK(get(&k, 2, &r, &err));
        assert_int_equal(r.outblob.n, 9 + sizeof(data));
        assert_memory_equal(r.outblob.p, "report 2 over this", 18);
        assert_string_equal(sv_buf_str(&r.auxblob), "certs");
        assert_string_equal(r.provider, "sev_guest");
        assert_int_equal(k.writes, 2);
}

static void test_no_auxblob(void **state)
{
        struct tsm_kernel k = {.provider = "sev_guest", .report = echo, .no_aux = true};
        SV_TSM_REPORT r = {0};
        struct sv_err err;

        OK(get(&k, SV_TSM_NO_LEVEL, &r, &err));
        assert_int_equal(r.auxblob.n, 0);
        assert_int_equal(k.writes, 1);
}

static void test_busy(void **state)
{
        struct tsm_kernel k = {.provider = "sev_guest", .report = echo, .busy = 7};
        SV_TSM_REPORT r = {0};
        struct sv_err err;

        OK(get(&k, SV_TSM_NO_LEVEL, &r, &err));
        assert_int_equal(k.pauses, 7);
        assert_memory_equal(r.outblob.p, "report", 6);
        k.busy = 1000;
        sv_tsm_report_free(&r);
        FAILS(get(&k, SV_TSM_NO_LEVEL, &r, &err), SV_SYSTEM, "tsm.busy");
        assert_null(r.outblob.p);
}

static void test_generation(void **state)
{
        struct tsm_kernel k = {.provider = "sev_guest", .report = echo, .intruder = 4};
        SV_TSM_REPORT r = {0};
        struct sv_err err;

        OK(get(&k, SV_TSM_NO_LEVEL, &r, &err));
        assert_int_equal(r.outblob.n, 9 + sizeof(data)); /* one report, not five */
        k.intruder = 5;
        sv_tsm_report_free(&r);
        FAILS(get(&k, SV_TSM_NO_LEVEL, &r, &err), SV_SYSTEM, "tsm.generation");
}

static void test_refusals(void **state)
{
        struct tsm_kernel other = {.provider = "tdx_guest", .report = echo},
                          level = {.provider = "sev_guest", .privlevel_floor = 2},
                          empty = {.provider = "sev_guest"},
                          wrong = {.provider = "sev_guest", .write_error = -EINVAL},
                          full = {.provider = "sev_guest", .clashes = 17},
                          last = {.provider = "sev_guest", .clashes = 16, .report = echo};
        SV_TSM_REPORT r = {0};
        struct sv_err err;

        FAILS(get(&other, SV_TSM_NO_LEVEL, &r, &err), SV_SYSTEM, "tsm.provider");
        assert_int_equal(other.writes, 0);
        FAILS(get(&level, 1, &r, &err), SV_SYSTEM, "tsm.write");
        FAILS(get(&empty, SV_TSM_NO_LEVEL, &r, &err), SV_SYSTEM, "tsm.read");
        FAILS(get(&wrong, SV_TSM_NO_LEVEL, &r, &err), SV_SYSTEM, "tsm.write");
        FAILS(get(&full, SV_TSM_NO_LEVEL, &r, &err), SV_SYSTEM, "tsm.make");
        OK(get(&last, SV_TSM_NO_LEVEL, &r, &err)); /* the last name that is tried */
}

static size_t entries(const char *path)
{
        DIR *d = opendir(path);
        size_t n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n - 2;
}

/* The system's own files, where no kernel fills the directory: the error names it, and it is gone
 * afterwards. */
static void test_files(void **state)
{
        char root[] = "/tmp/sv-tsm.XXXXXX", name[32];
        struct sv_tsm tsm = {.root = root};
        struct sv_err err;

        assert_non_null(mkdtemp(root));
        FAILS(sv_tsm_provider(&tsm, name, &err), SV_SYSTEM, "tsm.provider");
        assert_non_null(strstr(err.msg, root));
        assert_int_equal(entries(root), 0);
        rmdir(root);
        FAILS(sv_tsm_provider(&tsm, name, &err), SV_SYSTEM, "tsm.make");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_report),   cmocka_unit_test(test_no_auxblob),
                cmocka_unit_test(test_busy),     cmocka_unit_test(test_generation),
                cmocka_unit_test(test_refusals), cmocka_unit_test(test_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
