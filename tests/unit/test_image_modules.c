/* SPDX-License-Identifier: Apache-2.0 */
/* image/modules, image/module, image/builtin: modules directories by the shape that distributions
 * give them, made here; each compression, whole, cut short, damaged and too large. */
#include "make_module.h"

#include <sys/stat.h>

#include "base/core/limits.h"
#include "image/builtin.h"
#include "image/gzip.h"
#include "image/moddeps.h"
#include "image/module.h"
#include "image/modules.h"
#include "image/zstd.h"
#include "ovmf/lzma.h"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-modules-XXXXXX";

static int set_up(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, &err);
}

static char *below(const char *name)
{
        return sv_asprintf("%s/%s", dir, name);
}

static void put(const char *name, struct sv_bytes data)
{
        SV_STR path = below(name);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(path, 0644, data, &err));
}

/* --- the shapes of distributions --- */

struct shape {
        const char *modules; /* the modules directory, below the test's */
        const char *suffix;  /* behind ".ko" */
        const char *dep;     /* "path: paths" a line, without the suffix */
        const char *builtin; /* modules.builtin, or NULL */
        const char *modinfo; /* modules.builtin.modinfo with '\n' for its NULs, or NULL */
        const char *alias, *softdep;
        const char *want; /* names in the order of loading */
};

static const struct shape fedora = {
        .modules = "fedora/usr/lib/modules/6.17.4-300.fc43.x86_64",
        .suffix = ".xz",
        .dep = "kernel/drivers/md/dm-crypt.ko: kernel/drivers/md/dm-mod.ko\n"
               "kernel/drivers/md/dm-mod.ko:\n"
               "kernel/drivers/md/dm-verity.ko: kernel/drivers/md/dm-bufio.ko "
               "kernel/drivers/md/dm-mod.ko\n"
               "kernel/drivers/md/dm-bufio.ko: kernel/drivers/md/dm-mod.ko\n"
               "kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko "
               "kernel/net/core/failover.ko\n"
               "kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko\n"
               "kernel/net/core/failover.ko:\n"
               "kernel/drivers/virt/coco/sev-guest/sev-guest.ko:\n"
               "kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/fs/mbcache.ko\n"
               "kernel/fs/jbd2/jbd2.ko:\n"
               "kernel/fs/mbcache.ko:\n",
        .builtin = "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/block/virtio_blk.ko\n"
                   "kernel/crypto/xts.ko\n",
        .want = "failover net_failover virtio_net dm_mod dm_crypt dm_bufio dm_verity jbd2 mbcache "
                "ext4 sev_guest ",
};

static const struct shape alpine = {
        .modules = "alpine/lib/modules/6.12.56-0-virt",
        .suffix = ".gz",
        .dep = "kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio_pci_modern_dev.ko"
               "\n"
               "kernel/drivers/virtio/virtio_pci_modern_dev.ko:\n"
               "kernel/drivers/block/virtio_blk.ko:\nkernel/drivers/net/virtio_net.ko:\n"
               "kernel/net/packet/af_packet.ko:\nkernel/net/ipv6/ipv6.ko:\n"
               "kernel/net/8021q/8021q.ko:\n"
               "kernel/drivers/md/dm-mod.ko:\n"
               "kernel/drivers/md/dm-crypt.ko: kernel/drivers/md/dm-mod.ko\n"
               "kernel/crypto/xts.ko:\nkernel/crypto/crc32c_generic.ko:\n"
               "kernel/arch/x86/crypto/crc32c-intel.ko:\n"
               "kernel/lib/libcrc32c.ko:\n"
               "kernel/fs/ext4/ext4.ko: kernel/lib/libcrc32c.ko\n",
        .builtin = "kernel/kernel/configs.ko\n",
        .alias = "# Aliases extracted from modules themselves.\nalias crypto-crc32c crc32c_intel\n"
                 "alias crypto-crc32c crc32c_generic\n",
        .softdep = "softdep libcrc32c pre: crypto-crc32c\n",
        .want = "virtio_pci_modern_dev virtio_pci virtio_blk virtio_net af_packet ipv6 8021q "
                "dm_mod "
                "dm_crypt xts crc32c_generic crc32c_intel libcrc32c ext4 ",
};

/* Most is built in, and only modules.builtin.modinfo says so; a module of DKMS in updates/. */
static const struct shape ubuntu = {
        .modules = "ubuntu/lib/modules/6.8.0-86-generic",
        .suffix = ".zst",
        .dep = "updates/dkms/virtio-net.ko:\n"
               "kernel/drivers/md/dm-crypt.ko:\n"
               "kernel/arch/x86/crypto/sha256-ssse3.ko:\n",
        .modinfo = "virtio_pci.license=GPL\nvirtio_pci.file=drivers/virtio/virtio_pci\n"
                   "virtio_blk.parm=num_request_queues:Limit the number\n"
                   "virtio_blk.file=drivers/block/virtio_blk\ndm_mod.file=drivers/md/dm-mod\n"
                   "xts.file=crypto/xts\next4.file=fs/ext4/ext4\n",
        .want = "virtio_net dm_crypt sha256_ssse3 ",
};

/* Everything is built in; depmod has written an empty modules.dep. */
static const struct shape monolith = {
        .modules = "own/lib/modules/6.18.0",
        .suffix = "",
        .dep = "",
        .builtin = "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/block/virtio_blk.ko\n"
                   "kernel/drivers/net/virtio_net.ko\nkernel/drivers/md/dm-mod.ko\n"
                   "kernel/drivers/md/dm-crypt.ko\nkernel/crypto/xts.ko\nkernel/fs/ext4/ext4.ko\n",
        .want = "",
};

static void put_below(const struct shape *s, const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s/%s", s->modules, name);

        if (text)
                put(path, sv_bytes_str(text));
}

/* modules.dep, where each ".ko" has the suffix; and the files that it names. */
static void put_modules(const struct shape *s)
{
        const char *files[32] = {0};
        SV_BUF dep = SV_BUF_NULL;
        size_t n = 0;

        for (const char *line = s->dep; *line; line += strcspn(line, "\n") + 1) {
                SV_BUF module = SV_BUF_NULL;
                SV_STR path = sv_asprintf("%s/%.*s", s->modules, (int)strcspn(line, ":"), line);

                make_module(path, &module);
                put(path, sv_buf_bytes(&module));
                files[n++] = below(path);
        }
        for (const char *at = s->dep, *ko; *at; at = ko) {
                ko = strstr(at, ".ko") ? strstr(at, ".ko") + 3 : at + strlen(at);
                sv_buf_put(&dep, sv_bytes(at, (size_t)(ko - at)));
                sv_buf_puts(&dep, ko[-1] == 'o' ? s->suffix : "");
        }
        put_below(s, "modules.dep", sv_buf_str(&dep));
        if (n && *s->suffix)
                pack_files(s->suffix, files);
        while (n)
                free((char *)files[--n]);
}

static void put_shape(const struct shape *s)
{
        SV_STR modinfo = s->modinfo ? strdup(s->modinfo) : NULL;
        SV_STR path = sv_asprintf("%s/modules.builtin.modinfo", s->modules);

        put_modules(s);
        put_below(s, "modules.builtin", s->builtin);
        put_below(s, "modules.alias", s->alias);
        put_below(s, "modules.softdep", s->softdep);
        if (!modinfo)
                return;
        for (char *c = modinfo; (c = strchr(c, '\n')); c++)
                *c = 0;
        put(path, sv_bytes(modinfo, strlen(s->modinfo)));
}

static int add(const char *modules, const char *const *names, struct sv_cpio *tree)
{
        const char *const *lists[] = {names, NULL};
        SV_STR path = below(modules);
        const struct sv_folder folder = sv_folder_here(path);

        return sv_modules_add(&folder, lists, tree, &err);
}

/* The list in the tree as names; each path's file is there, and unpacked. */
static void expect_names(const struct sv_cpio *tree, const struct shape *s)
{
        const struct sv_cpio_entry *list = sv_cpio_find(tree, "etc/secure-vm/modules");
        SV_BUF names = SV_BUF_NULL;
        SV_STR text = NULL;
        char *save = NULL;

        assert_non_null(list);
        text = sv_asprintf("%.*s", (int)list->data.n, (const char *)list->data.p);
        for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
                const struct sv_cpio_entry *file = sv_cpio_find(tree, l + 1);
                SV_STR name = sv_module_name(l);
                SV_STR was = sv_asprintf("%s/%s", s->modules,
                                         strstr(l, strrchr(s->modules, '/')) +
                                                 strlen(strrchr(s->modules, '/')) + 1);
                SV_BUF module = SV_BUF_NULL;

                assert_string_equal(sv_module_suffix(l), ".ko");
                assert_non_null(file);
                make_module(was, &module);
                assert_int_equal(file->data.n, module.n);
                assert_memory_equal(file->data.p, module.p, module.n);
                sv_buf_printf(&names, "%s ", name);
        }
        assert_string_equal(sv_buf_str(&names), s->want);
}

static void test_distributions(void **state)
{
        static const struct shape *const all[] = {&fedora, &alpine, &ubuntu, &monolith};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                SV_CPIO tree = SV_CPIO_NULL;

                put_shape(all[i]);
                OK(add(all[i]->modules, sv_initrd_modules, &tree));
                expect_names(&tree, all[i]);
        }
}

/* /lib is a link to usr/lib: the same files under the name that the user gave. */
static void test_merged_usr(void **state)
{
        SV_STR link = below("fedora/lib");
        SV_CPIO tree = SV_CPIO_NULL;

        assert_int_equal(symlink("usr/lib", link), 0); /* the files of test_distributions */
        OK(add("fedora/lib/modules/6.17.4-300.fc43.x86_64", sv_initrd_modules, &tree));
        expect_names(&tree, &fedora);
}

/* --- names --- */

static void test_alternatives(void **state)
{
        static const char *const first[] = {"old-name|crc_new", NULL};
        static const char *const second[] = {"gone|crc-new|old_name", NULL};
        static const char *const inside[] = {"gone|kept-inside|old_name", NULL};
        static const char *const none[] = {"gone|lost", NULL}, *const maybe[] = {"?gone|lost",
                                                                                 NULL};
        struct shape s = {.modules = "alt/lib/modules/1",
                          .suffix = "",
                          .dep = "kernel/crc-new.ko:\nkernel/old_name.ko:\n",
                          .builtin = "kernel/kept_inside.ko\n"};
        SV_CPIO a = SV_CPIO_NULL, b = SV_CPIO_NULL, c = SV_CPIO_NULL, d = SV_CPIO_NULL,
                e = SV_CPIO_NULL;

        put_shape(&s);
        OK(add(s.modules, first, &a));
        s.want = "old_name ";
        expect_names(&a, &s);
        OK(add(s.modules, second, &b));
        s.want = "crc_new ";
        expect_names(&b, &s);
        s.want = "";
        OK(add(s.modules, inside, &c));
        expect_names(&c, &s);
        OK(add(s.modules, maybe, &d));
        expect_names(&d, &s);
        FAILS(add(s.modules, none, &e), SV_USAGE, "image.modules.missing");
        assert_non_null(strstr(err.msg, "has no module gone|lost, and the kernel has not built"));
}

/* Without a modules directory the list is there, and empty. */
static void test_no_modules(void **state)
{
        const char *const *lists[] = {sv_initrd_modules, NULL};
        SV_CPIO tree = SV_CPIO_NULL;

        OK(sv_modules_add(NULL, lists, &tree, &err));
        expect_names(&tree, &monolith);
}

/* What says what is built in is not there: the message says that, and names both files. */
static void test_builtin_unknown(void **state)
{
        static const char *const names[] = {"inside", NULL};
        struct shape s = {.modules = "nb/lib/modules/1", .suffix = "", .dep = "kernel/a.ko:\n"};
        SV_STR path = below("nb/lib/modules/1/modules.builtin");
        SV_CPIO a = SV_CPIO_NULL, b = SV_CPIO_NULL;

        put_shape(&s);
        FAILS(add(s.modules, names, &a), SV_USAGE, "image.modules.missing");
        assert_non_null(strstr(err.msg, "neither modules.builtin nor modules.builtin.modinfo"));
        assert_int_equal(mkdir(path, 0700), 0);
        FAILS(add(s.modules, names, &b), SV_SYSTEM, "image.modules.builtin");
}

static void test_builtin_names(void **state)
{
        static const char modinfo[] = "a_b.license=GPL\0a_b.file=x/a-b\0nofile=1\0last.file=y";
        SV_BUILTIN b = SV_BUILTIN_NULL;
        SV_STR path = below("names");
        const struct sv_folder folder = sv_folder_here(path);

        put("names/modules.builtin", sv_bytes_str("kernel/x-y.ko\nkernel/no\nkernel/z.ko"));
        put("names/modules.builtin.modinfo", sv_bytes(modinfo, sizeof(modinfo) - 1));
        OK(sv_builtin_read(&folder, &b, &err));
        assert_true(sv_builtin_has(&b, "x_y") && sv_builtin_has(&b, "x-y"));
        assert_true(sv_builtin_has(&b, "z") && sv_builtin_has(&b, "a-b"));
        assert_true(sv_builtin_has(&b, "last"));
        assert_false(sv_builtin_has(&b, "x") || sv_builtin_has(&b, "no") ||
                     sv_builtin_has(&b, "nofile") || sv_builtin_has(&b, ""));
}

/* A package that was unpacked: the command that is missing is named as it must be typed. */
static void test_depmod(void **state)
{
        SV_STR unpacked = below("pkg/usr/lib/modules/6.1-x");
        SV_STR other = below("elsewhere");
        SV_STR want = sv_asprintf("run \"depmod -b %s/pkg/usr 6.1-x\"", dir);
        SV_CPIO a = SV_CPIO_NULL, b = SV_CPIO_NULL;

        OK(sv_mkdirs(unpacked, 0755, &err));
        OK(sv_mkdirs(other, 0755, &err));
        FAILS(add("pkg/usr/lib/modules/6.1-x", sv_initrd_modules, &a), SV_SYSTEM,
              "image.modules.dep");
        assert_non_null(strstr(err.msg, want));
        FAILS(add("elsewhere", sv_initrd_modules, &b), SV_SYSTEM, "image.modules.dep");
        assert_non_null(strstr(err.msg, "depmod was run"));
}

/* --- one module's file --- */

static int read_back(const char *name, struct sv_buf *out)
{
        const struct sv_folder folder = sv_folder_here(dir);

        return sv_module_read(&folder, name, out, &err);
}

static const struct form {
        const char *name, *suffix, *check; /* NULL: the module's own check finds a cut */
} forms[] = {{"f/a.ko", "", "image.elf"},
             {"f/b.ko", ".gz", "image.gzip"},
             {"f/c.ko", ".xz", "ovmf.xz"},
             {"f/d.ko", ".zst", "image.zstd"}};

/* A packed file of these bytes; its bytes. The name with the suffix is returned. */
static char *pack(const struct form *f, struct sv_bytes data, struct sv_buf *packed)
{
        SV_STR path = below(f->name);
        SV_STR name = sv_asprintf("%s%s", f->name, f->suffix);
        SV_STR made = below(name);
        const char *files[] = {path, NULL};
        char *kept = name;

        put(f->name, data);
        unlink(*f->suffix ? made : "");
        if (*f->suffix)
                pack_files(f->suffix, files);
        OK(sv_file_read(made, 1u << 20, packed, "test", &err));
        name = NULL;
        return kept;
}

/* Whole, and cut after each byte: one error that names the file and the format, nothing written. */
static void test_cut_short(void **state)
{
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                SV_BUF module = SV_BUF_NULL, packed = SV_BUF_NULL, out = SV_BUF_NULL;
                SV_STR name = NULL;

                make_module("a module that is cut", &module);
                name = pack(&forms[i], sv_buf_bytes(&module), &packed);
                OK(read_back(name, &out));
                assert_int_equal(out.n, module.n);
                assert_memory_equal(out.p, module.p, module.n);
                sv_buf_clear(&out);
                for (size_t n = 0; n < packed.n; n++) {
                        assert_int_equal(sv_module_unpack(sv_module_suffix(name),
                                                          sv_bytes(packed.p, n), &out, &err),
                                         -1);
                        assert_int_equal(err.class, SV_FORMAT);
                        assert_memory_equal(err.check, forms[i].check, strlen(forms[i].check));
                        assert_int_equal(out.n, 0);
                        err = (struct sv_err)SV_ERR_NULL;
                }
                put(name, sv_bytes(packed.p, packed.n / 2));
                assert_int_equal(read_back(name, &out), -1);
                assert_non_null(strstr(err.msg, name));
        }
}

/* What follows the end, and another thing under the name, are refused; what is inside must be a
 * module for this machine. */
static void test_other_contents(void **state)
{
        for (size_t i = 1; i < sizeof(forms) / sizeof(forms[0]); i++) {
                SV_BUF module = SV_BUF_NULL, packed = SV_BUF_NULL, text = SV_BUF_NULL,
                       out = SV_BUF_NULL;
                SV_STR name = NULL;
                SV_STR again = NULL;

                make_module("a module with a tail", &module);
                name = pack(&forms[i], sv_buf_bytes(&module), &packed);
                sv_buf_puts(&packed, "tail");
                put(name, sv_buf_bytes(&packed));
                FAILS(read_back(name, &out), SV_FORMAT, forms[i].check);
                put(name, sv_buf_bytes(&module));
                FAILS(read_back(name, &out), SV_FORMAT, forms[i].check);
                again = pack(&forms[i], sv_bytes_str("root:x:0:0:root:/root:/bin/sh\n"), &text);
                FAILS(read_back(again, &out), SV_FORMAT, "image.elf.magic");
                assert_int_equal(out.n, 0);
        }
}

/* Each shim at its limit, with what fills its own pieces exactly and with what does not. */
static void test_limits(void **state)
{
        static const size_t sizes[] = {1, 16384, 40000, 65536};
        static int (*const unpack[])(struct sv_bytes, size_t, struct sv_buf *, struct sv_err *) = {
                NULL, sv_gzip_decode, sv_xz_decode, sv_zstd_decompress};

        for (size_t i = 1; i < sizeof(forms) / sizeof(forms[0]); i++)
                for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
                        SV_BUF zeros = SV_BUF_NULL, packed = SV_BUF_NULL, out = SV_BUF_NULL;
                        SV_STR name = NULL;

                        sv_buf_grow(&zeros, sizes[k]);
                        name = pack(&forms[i], sv_buf_bytes(&zeros), &packed);
                        OK(unpack[i](sv_buf_bytes(&packed), sizes[k], &out, &err));
                        assert_int_equal(out.n, sizes[k]);
                        sv_buf_clear(&out);
                        FAILS(unpack[i](sv_buf_bytes(&packed), sizes[k] - 1, &out, &err), SV_FORMAT,
                              forms[i].check);
                }
}

/* 6 KiB that become one byte more than a module may have; and as many as it may. */
static void test_bomb(void **state)
{
        SV_STR path = below("bomb.ko");
        SV_STR made = below("bomb.ko.zst");
        const char *files[] = {path, NULL};
        SV_BUF out = SV_BUF_NULL;

        for (unsigned more = 0; more < 2; more++) {
                put("bomb.ko", SV_BYTES_NULL);
                assert_int_equal(truncate(path, SV_MODULE_SIZE_MAX + more), 0);
                unlink(made);
                pack_files(".zst", files);
                FAILS(read_back("bomb.ko.zst", &out), SV_FORMAT,
                      more ? "image.zstd" : "image.elf.magic");
                assert_int_equal(out.n, 0);
        }
        assert_non_null(strstr(err.msg, "unpacks to more than 67108864 bytes"));
}

static void test_too_large(void **state)
{
        SV_STR path = below("large.ko");
        SV_BUF out = SV_BUF_NULL;

        put("large.ko", SV_BYTES_NULL);
        assert_int_equal(truncate(path, SV_MODULE_SIZE_MAX + 1), 0);
        FAILS(read_back("large.ko", &out), SV_FORMAT, "image.modules.file");
        assert_int_equal(truncate(path, SV_MODULE_SIZE_MAX), 0);
        FAILS(read_back("large.ko", &out), SV_FORMAT, "image.elf.magic");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_distributions),
                cmocka_unit_test(test_merged_usr),
                cmocka_unit_test(test_alternatives),
                cmocka_unit_test(test_no_modules),
                cmocka_unit_test(test_builtin_unknown),
                cmocka_unit_test(test_builtin_names),
                cmocka_unit_test(test_depmod),
                cmocka_unit_test(test_cut_short),
                cmocka_unit_test(test_other_contents),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_bomb),
                cmocka_unit_test(test_too_large),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
