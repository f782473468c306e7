/* SPDX-License-Identifier: Apache-2.0 */
/* image/cpio: what is written is what our own reader and cpio(1) read back; order of adding does
 * not matter; malformed archives. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "image/cpio.h"

static struct sv_err err;

static void pack(struct sv_buf *out, bool backwards)
{
        SV_CPIO c = SV_CPIO_NULL;

        for (int i = 0; i < 4; i++) {
                switch (backwards ? 3 - i : i) {
                case 0:
                        OK(sv_cpio_add_file(&c, "init", 0755, sv_bytes_str("#!"), &err));
                        break;
                case 1:
                        OK(sv_cpio_add_file(&c, "etc/secure-vm/modules", 0644,
                                            sv_bytes_str("one\n"), &err));
                        break;
                case 2:
                        OK(sv_cpio_add_link(&c, "bin", "usr/bin", &err));
                        break;
                case 3:
                        OK(sv_cpio_add_chardev(&c, "dev/console", 0600, 5, 1, &err));
                        break;
                }
        }
        OK(sv_cpio_write(&c, out, &err));
}

static void test_read_back(void **state)
{
        static const struct {
                const char *path;
                uint32_t mode;
                const char *data;
        } expect[] = {
                {"bin", S_IFLNK | 0777, "usr/bin"},
                {"dev", S_IFDIR | 0755, ""},
                {"dev/console", S_IFCHR | 0600, ""},
                {"etc", S_IFDIR | 0755, ""},
                {"etc/secure-vm", S_IFDIR | 0755, ""},
                {"etc/secure-vm/modules", S_IFREG | 0644, "one\n"},
                {"init", S_IFREG | 0755, "#!"},
        };
        struct sv_cpio_member m;
        SV_BUF b = SV_BUF_NULL;
        bool end = false;

        pack(&b, false);

        struct sv_rd r = sv_rd(sv_buf_bytes(&b));

        for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
                OK(sv_cpio_next(&r, &m, &end, &err));
                assert_false(end);
                assert_int_equal(m.path.n, strlen(expect[i].path));
                assert_memory_equal(m.path.p, expect[i].path, m.path.n);
                assert_int_equal(m.mode, expect[i].mode);
                assert_int_equal(m.uid | m.gid | m.mtime, 0);
                assert_int_equal(m.data.n, strlen(expect[i].data));
                assert_memory_equal(m.data.p, expect[i].data, m.data.n);
                assert_int_equal(m.major, S_ISCHR(m.mode) ? 5 : 0);
                assert_int_equal(m.minor, S_ISCHR(m.mode) ? 1 : 0);
        }
        OK(sv_cpio_next(&r, &m, &end, &err));
        assert_true(end);
}

static void test_order_of_adding_does_not_matter(void **state)
{
        SV_BUF a = SV_BUF_NULL, b = SV_BUF_NULL;

        pack(&a, false);
        pack(&b, true);
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.p, b.p, a.n);
}

static void test_cpio_program_agrees(void **state)
{
        char path[] = "/tmp/secure-vm-cpio-XXXXXX";
        char command[128], listing[512];
        SV_BUF b = SV_BUF_NULL;
        int fd = mkstemp(path);
        FILE *p;

        assert_true(fd >= 0);
        pack(&b, false);
        assert_int_equal(write(fd, b.p, b.n), b.n);
        close(fd);
        snprintf(command, sizeof(command), "cpio -t --quiet <%s", path);
        p = popen(command, "r");
        assert_non_null(p);
        listing[fread(listing, 1, sizeof(listing) - 1, p)] = 0;
        assert_int_equal(pclose(p), 0);
        unlink(path);
        assert_string_equal(
                listing,
                "bin\ndev\ndev/console\netc\netc/secure-vm\netc/secure-vm/modules\ninit\n");
}

static void test_bad_paths(void **state)
{
        static const char *const bad[] = {"",     "/init", "a/",    "a//b",      ".",
                                          "a/..", "../a",  "a/./b", "TRAILER!!!"};
        SV_CPIO c = SV_CPIO_NULL;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                FAILS(sv_cpio_add_file(&c, bad[i], 0644, SV_BYTES_NULL, &err), SV_USAGE,
                      "image.cpio.path");
        OK(sv_cpio_add_file(&c, "a/b", 0644, SV_BYTES_NULL, &err));
        OK(sv_cpio_add_dir(&c, "a", 0755, &err));
        FAILS(sv_cpio_add_file(&c, "a/b", 0644, SV_BYTES_NULL, &err), SV_USAGE, "image.cpio.path");
        FAILS(sv_cpio_add_file(&c, "a/b/c", 0644, SV_BYTES_NULL, &err), SV_USAGE,
              "image.cpio.path");
}

static int read_all(struct sv_bytes archive)
{
        struct sv_rd r = sv_rd(archive);
        struct sv_cpio_member m;
        bool end = false;

        while (!end)
                if (sv_cpio_next(&r, &m, &end, &err) < 0)
                        return -1;
        return 0;
}

static void test_malformed(void **state)
{
        /* The first member is "bin": header 110, name 4 and padding 2, target 7 and padding 1. */
        static const struct {
                size_t offset;
                char byte;
                const char *check;
        } cases[] = {
                {5, '2', "image.cpio.magic"},   {6, 'g', "image.cpio.field"},
                {54, 'f', "image.cpio.short"},  {94, 'f', "image.cpio.short"},
                {101, '3', "image.cpio.name"},  {101, '1', "image.cpio.name"},
                {111, 0, "image.cpio.name"},    {114, 1, "image.cpio.padding"},
                {123, 1, "image.cpio.padding"},
        };
        SV_BUF b = SV_BUF_NULL;

        pack(&b, false);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint8_t was = b.p[cases[i].offset];

                b.p[cases[i].offset] = (uint8_t)cases[i].byte;
                FAILS(read_all(sv_buf_bytes(&b)), SV_FORMAT, cases[i].check);
                b.p[cases[i].offset] = was;
        }
        for (size_t n = 0; n < b.n; n++)
                FAILS(read_all(sv_bytes(b.p, n)), SV_FORMAT, "image.cpio.short");
        sv_buf_puts(&b, "x");
        FAILS(read_all(sv_buf_bytes(&b)), SV_FORMAT, "image.cpio.trailing");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_read_back),
                cmocka_unit_test(test_order_of_adding_does_not_matter),
                cmocka_unit_test(test_cpio_program_agrees),
                cmocka_unit_test(test_bad_paths),
                cmocka_unit_test(test_malformed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
