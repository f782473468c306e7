/* SPDX-License-Identifier: Apache-2.0 */
/* image/initrd: a modules directory made here and this program as the agent; two runs give equal
 * bytes; what is inside. */
#include "make_module.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/initrd.h"
#include "image/zstd.h"

#define DEP "kernel/two.ko.zst: kernel/one.ko\nkernel/one.ko:\nkernel/bad.ko.zst:\n"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-initrd-XXXXXX";

static void put(const char *name, struct sv_bytes data)
{
        SV_STR path = sv_asprintf("%s/6.1.0-test/%s", dir, name);

        OK(sv_file_write(path, 0644, data, &err));
}

static void put_module(const char *name, const char *text)
{
        SV_BUF module = SV_BUF_NULL;

        make_module(text, &module);
        put(name, sv_buf_bytes(&module));
}

static int set_up(void **state)
{
        SV_BUF module = SV_BUF_NULL, packed = SV_BUF_NULL;
        SV_STR kernel = NULL;

        if (!mkdtemp(dir))
                return -1;
        kernel = sv_asprintf("%s/6.1.0-test/kernel", dir);
        OK(sv_mkdirs(kernel, 0755, &err));
        put("modules.dep", sv_bytes_str(DEP));
        put("modules.builtin", sv_bytes_str("kernel/inside.ko\n"));
        put_module("kernel/one.ko", "module one");
        put("kernel/bad.ko.zst", sv_bytes_str("no zstd"));
        make_module("module two", &module);
        OK(sv_zstd_compress(sv_buf_bytes(&module), &packed, &err));
        put("kernel/two.ko.zst", sv_buf_bytes(&packed));
        return 0;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, &err);
}

static int tree(const char *const *modules, const char *const *libraries, struct sv_cpio *c)
{
        SV_STR path = sv_asprintf("%s/6.1.0-test", dir);
        struct sv_initrd_in in = {.modules_dir = path,
                                  .agent = "/proc/self/exe",
                                  .modules = modules,
                                  .libraries = libraries};

        return sv_initrd_tree(&in, c, &err);
}

static void expect_file(const struct sv_cpio *c, const char *path, const char *text)
{
        const struct sv_cpio_entry *e = sv_cpio_find(c, path);

        assert_non_null(e);
        assert_int_equal(e->data.n, strlen(text));
        assert_memory_equal(e->data.p, text, e->data.n);
}

static void expect_module(const struct sv_cpio *c, const char *path, const char *text)
{
        const struct sv_cpio_entry *e = sv_cpio_find(c, path);
        SV_BUF module = SV_BUF_NULL;

        make_module(text, &module);
        assert_non_null(e);
        assert_int_equal(e->data.n, module.n);
        assert_memory_equal(e->data.p, module.p, module.n);
}

static void test_contents(void **state)
{
        static const char *const modules[] = {"two", "inside", "?absent", "one", NULL};
        SV_CPIO c = SV_CPIO_NULL;
        bool libc = false;

        OK(tree(modules, NULL, &c));
        expect_file(
                &c, "etc/secure-vm/modules",
                "/lib/modules/6.1.0-test/kernel/one.ko\n/lib/modules/6.1.0-test/kernel/two.ko\n");
        expect_module(&c, "lib/modules/6.1.0-test/kernel/one.ko", "module one");
        expect_module(&c, "lib/modules/6.1.0-test/kernel/two.ko", "module two");
        assert_non_null(sv_cpio_find(&c, "init"));
        assert_non_null(sv_cpio_find(&c, "lib64/ld-linux-x86-64.so.2"));
        for (size_t i = 0; i < c.n; i++)
                libc |= strstr(c.list[i].path, "/libc.so.6") != NULL;
        assert_true(libc);
}

/* What the agent needs to reach its host's quote service: the modules behind the others, and
 * Intel's file. */
static void test_quote_port(void **state)
{
        static const char *const modules[] = {"two", NULL};
        SV_STR path = sv_asprintf("%s/6.1.0-test", dir);
        struct sv_initrd_in in = {.modules_dir = path,
                                  .agent = "/proc/self/exe",
                                  .modules = modules,
                                  .quote_port = 4050};
        SV_CPIO none = SV_CPIO_NULL, c = SV_CPIO_NULL, without = SV_CPIO_NULL;

        FAILS(sv_initrd_tree(&in, &none, &err), SV_USAGE, "image.modules.missing");
        put("modules.dep",
            sv_bytes_str(
                    DEP
                    "kernel/vsock.ko:\nkernel/vmw_vsock_virtio_transport.ko: kernel/vsock.ko\n"));
        put_module("kernel/vsock.ko", "vsock");
        put_module("kernel/vmw_vsock_virtio_transport.ko", "transport");
        OK(sv_initrd_tree(&in, &c, &err));
        expect_file(&c, "etc/tdx-attest.conf", "port=4050\n");
        expect_file(&c, "etc/secure-vm/modules",
                    "/lib/modules/6.1.0-test/kernel/one.ko\n/lib/modules/6.1.0-test/kernel/two.ko\n"
                    "/lib/modules/6.1.0-test/kernel/vsock.ko\n/lib/modules/6.1.0-test/kernel/"
                    "vmw_vsock_virtio_transport.ko\n");
        OK(tree(modules, NULL, &without));
        assert_null(sv_cpio_find(&without, "etc/tdx-attest.conf"));
        assert_null(sv_cpio_find(&without, "lib/modules/6.1.0-test/kernel/vsock.ko"));
        put("modules.dep", sv_bytes_str(DEP));
}

/* What a module asks for by name comes too, and first. */
static void test_soft_dependencies(void **state)
{
        static const char *const modules[] = {"two", NULL};
        SV_STR list = sv_asprintf("%s/6.1.0-test/modules.softdep", dir);
        SV_CPIO with = SV_CPIO_NULL, without = SV_CPIO_NULL, bad = SV_CPIO_NULL;

        put("modules.dep", sv_bytes_str(DEP "kernel/sum.ko:\n"));
        put_module("kernel/sum.ko", "sum");
        put("modules.softdep", sv_bytes_str("softdep one pre: crypto-sum\n"));
        OK(tree(modules, NULL, &without)); /* no modules.alias */
        assert_null(sv_cpio_find(&without, "lib/modules/6.1.0-test/kernel/sum.ko"));
        put("modules.alias", sv_bytes_str("alias crypto-sum sum\n"));
        OK(tree(modules, NULL, &with));
        expect_file(&with, "etc/secure-vm/modules",
                    "/lib/modules/6.1.0-test/kernel/sum.ko\n/lib/modules/6.1.0-test/kernel/one.ko\n"
                    "/lib/modules/6.1.0-test/kernel/two.ko\n");
        assert_int_equal(unlink(list), 0);
        assert_int_equal(mkdir(list, 0700), 0);
        FAILS(tree(modules, NULL, &bad), SV_SYSTEM, "image.modules.softdep");
        assert_int_equal(rmdir(list), 0);
        put("modules.dep", sv_bytes_str(DEP));
}

/* Listed but not there. */
static void test_module_files(void **state)
{
        static const char *const gone[] = {"gone", NULL};
        SV_CPIO c = SV_CPIO_NULL;

        put("modules.dep", sv_bytes_str(DEP "kernel/gone.ko:\n"));
        FAILS(tree(gone, NULL, &c), SV_SYSTEM, "image.modules.file");
        put("modules.dep", sv_bytes_str(DEP));
}

static void test_same_bytes_twice(void **state)
{
        static const char *const modules[] = {"two", NULL};
        SV_BUF a = SV_BUF_NULL, b = SV_BUF_NULL, unpacked = SV_BUF_NULL;

        for (int i = 0; i < 2; i++) {
                SV_CPIO c = SV_CPIO_NULL;

                OK(tree(modules, NULL, &c));
                OK(sv_initrd_pack(&c, i ? &b : &a, &err));
        }
        assert_int_equal(a.n, b.n);
        assert_memory_equal(a.p, b.p, a.n);
        OK(sv_zstd_decompress(sv_buf_bytes(&a), 256u << 20, &unpacked, &err));
        assert_memory_equal(unpacked.p, "070701", 6);
}

static void test_what_is_missing_is_named(void **state)
{
        static const char *const absent[] = {"absent", NULL}, *const bad[] = {"bad", NULL},
                                 *const one[] = {"one", NULL};
        static const char *const no_library[] = {"libabsent.so.9", NULL};
        SV_CPIO a = SV_CPIO_NULL, b = SV_CPIO_NULL, c = SV_CPIO_NULL;

        FAILS(tree(absent, NULL, &a), SV_USAGE, "image.modules.missing");
        FAILS(tree(bad, NULL, &b), SV_FORMAT, "image.zstd");
        FAILS(tree(one, no_library, &c), SV_USAGE, "image.library");
}

static void test_zstd_limits(void **state)
{
        static const uint8_t zeros[100000];
        SV_BUF packed = SV_BUF_NULL, out = SV_BUF_NULL;

        OK(sv_zstd_compress(sv_bytes(zeros, sizeof(zeros)), &packed, &err));
        OK(sv_zstd_decompress(sv_buf_bytes(&packed), sizeof(zeros), &out, &err));
        assert_int_equal(out.n, sizeof(zeros));
        sv_buf_clear(&out);
        FAILS(sv_zstd_decompress(sv_buf_bytes(&packed), sizeof(zeros) - 1, &out, &err), SV_FORMAT,
              "image.zstd");
        for (size_t n = 0; n < packed.n; n++) {
                sv_buf_clear(&out);
                FAILS(sv_zstd_decompress(sv_bytes(packed.p, n), sizeof(zeros), &out, &err),
                      SV_FORMAT, "image.zstd");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_contents),
                cmocka_unit_test(test_quote_port),
                cmocka_unit_test(test_soft_dependencies),
                cmocka_unit_test(test_module_files),
                cmocka_unit_test(test_same_bytes_twice),
                cmocka_unit_test(test_what_is_missing_is_named),
                cmocka_unit_test(test_zstd_limits),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
