/* SPDX-License-Identifier: Apache-2.0 */
/* image/container: each format by its first bytes; heads changed in one field; images of QEMU's own
 * tools; and no "image encrypt" of any of it. */
#include "unit.h"

#include "base/core/file.h"
#include "image/container.h"
#include "image/disk.h"
#include "image/run.h"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-container-XXXXXX";
static uint8_t head[SV_CONTAINER_HEAD];

static int set_up(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, &err);
}

static void sh(const char *script)
{
        SV_STR command = sv_asprintf("cd %s && %s", dir, script);
        const char *const argv[] = {"sh", "-c", command, NULL};

        OK(sv_run(argv, "test", &err));
}

static struct sv_bytes all(void)
{
        return sv_bytes(head, sizeof(head));
}

static void put_head(size_t at, const void *bytes, size_t n)
{
        memset(head, 0, sizeof(head));
        memcpy(head + at, bytes, n);
}

/* The file's beginning; the rest is zeros. */
static void load_head(const char *name)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        FILE *f = fopen(path, "r");

        assert_non_null(f);
        memset(head, 0, sizeof(head));
        assert_true(fread(head, 1, sizeof(head), f) > 0);
        fclose(f);
}

static void test_magics(void **state)
{
        static const struct {
                size_t at, n;
                const char *bytes, *part, *driver;
        } rows[] = {
                {0, 8, "QFI\xfb\0\0\0\1", "first version of qcow", NULL},
                {0, 8, "QFI\xfb\0\0\0\3", "qcow2", "qcow2"},
                {0, 4, "KDMV", "VMDK", "vmdk"},
                {0, 4, "COWD", "old ESX", NULL},
                {0, 21, "# Disk DescriptorFile", "in other files", NULL},
                {0, 8, "vhdxfile", "VHDX", "vhdx"},
                {0, 8, "conectix", "VHD", NULL},
                {64, 4, "\x7f\x10\xda\xbe", "VDI", NULL},
                {0, 4, "QED\0", "QED", NULL},
                {0, 6, "LUKS\xba\xbe", "encrypted already", NULL},
                {32769, 5, "CD001", "CD-ROM", NULL},
                {0, 2, "\x1f\x8b", "gzip", NULL},
                {0, 6,
                 "\xfd"
                 "7zXZ",
                 "xz", NULL},
                {0, 4, "\x28\xb5\x2f\xfd", "zstd", NULL},
                {0, 3, "BZh", "bzip2", NULL},
                {0, 4, "PK\3\4", "zip", NULL},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct sv_container c;

                put_head(rows[i].at, rows[i].bytes, rows[i].n);
                c = sv_container_of(all());
                assert_non_null(c.name);
                assert_non_null(strstr(c.name, rows[i].part));
                assert_true(rows[i].driver ? c.driver && !strcmp(c.driver, rows[i].driver)
                                           : !c.driver);
                head[rows[i].at] ^= 0x20;
                assert_null(sv_container_of(all()).name);
                assert_null(sv_container_of(sv_bytes(head, rows[i].at + rows[i].n - 1)).name);
        }
}

static void refuses(size_t at, uint8_t value, const char *check, enum sv_class class)
{
        uint8_t before = head[at];
        struct sv_container c = sv_container_of(all());

        OK(sv_container_check(&c, all(), &err));
        head[at] = value;
        FAILS(sv_container_check(&c, all(), &err), class, check);
        head[at] = before;
}

static void test_qcow2(void **state)
{
        struct sv_container c;

        sh("qemu-img create -q -f qcow2 one 1M && qemu-img create -q -f qcow2 -b one -F qcow2 two");
        load_head("one");
        refuses(15, 1, "image.container.parts", SV_USAGE); /* backing file */
        refuses(35, 2, "image.container.parts", SV_USAGE); /* encrypted */
        refuses(79, 4, "image.container.parts", SV_USAGE); /* data in another file */
        c = sv_container_of(all());
        FAILS(sv_container_check(&c, sv_bytes(head, 79), &err), SV_FORMAT, "image.container.head");
        head[7] = 2; /* has no such bits yet */
        head[79] = 4;
        OK(sv_container_check(&c, all(), &err));
        load_head("two");
        FAILS(sv_container_check(&c, all(), &err), SV_USAGE, "image.container.parts");
}

static void test_vmdk(void **state)
{
        struct sv_container c;
        uint8_t *type, *parent;

        sh("qemu-img create -q -f vmdk one.vmdk 1M && "
           "qemu-img create -q -f vmdk -o subformat=monolithicFlat two.vmdk 1M");
        load_head("one.vmdk");
        c = sv_container_of(all());
        type = memmem(head, sizeof(head), "monolithicSparse", 16);
        parent = memmem(head, sizeof(head), "ffffffff", 8);
        assert_true(type && parent);
        refuses((size_t)(type - head), 'M', "image.container.parts", SV_USAGE);
        refuses((size_t)(parent - head), '0', "image.container.parts", SV_USAGE);
        refuses(31, 1, "image.container.head", SV_FORMAT); /* where the text is */
        refuses(28, 2, "image.container.head", SV_FORMAT);
        refuses(40, 1, "image.container.head", SV_FORMAT); /* how long it is */
        memcpy(head + 512 + 20 * 512 - 18, "parentFileNameHint", 18);
        FAILS(sv_container_check(&c, all(), &err), SV_USAGE, "image.container.parts");
        memset(head + 512 + 20 * 512 - 18, 0, 18);
        memset(head + 12, 0, 8);
        FAILS(sv_container_check(&c, all(), &err), SV_USAGE, "image.container.parts");
        FAILS(sv_container_check(&c, sv_bytes(head, 600), &err), SV_FORMAT, "image.container.head");
        load_head("two.vmdk");
        assert_null(sv_container_of(all()).driver);
}

static void test_tables(void **state)
{
        uint8_t *entry = head + 446;

        put_head(512, "EFI PART", 8);
        assert_string_equal(sv_container_table(all()), "GPT");
        put_head(4096, "EFI PART", 8);
        assert_string_equal(sv_container_table(all()), "GPT");
        put_head(510, "\x55\xaa", 2);
        assert_null(sv_container_table(all())); /* no partition in it */
        entry[4] = 0x83;
        assert_null(sv_container_table(all())); /* a type without a size */
        entry[12] = 1;
        assert_string_equal(sv_container_table(all()), "MBR");
        entry[0] = 0x80;
        assert_string_equal(sv_container_table(all()), "MBR");
        entry[0] = 0x7f; /* code */
        assert_null(sv_container_table(all()));
        entry[0] = 0;
        memcpy(head + 82, "FAT32", 5);
        assert_null(sv_container_table(all()));
        memset(head + 82, 0, 5);
        memcpy(head + 1024 + 0x38, "\x53\xef", 2);
        assert_null(sv_container_table(all())); /* ext4 behind a boot loader's sector */
}

static void kind_fails(const char *name, const char *check)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        enum sv_disk_from kind;

        FAILS(sv_disk_kind(path, &kind, &err), SV_USAGE, check);
}

/* What "image encrypt" and "image verity" say to them. */
static void test_kind(void **state)
{
        SV_STR path = sv_asprintf("%s/ext4", dir);
        enum sv_disk_from kind;

        sh("qemu-img create -q -f qcow2 a.qcow2 1M; qemu-img create -q -f vhdx a.vhdx 1M; "
           "truncate -s 3M disk; echo 2048,2048,L | /sbin/sfdisk -q disk; "
           "truncate -s 4M gpt; printf 'label: gpt\\n,,L\\n' | /sbin/sfdisk -q gpt; "
           "/sbin/mke2fs -q -F -t ext4 ext4 4M");
        kind_fails("a.qcow2", "image.container");
        assert_non_null(strstr(err.msg, "qcow2 image"));
        assert_non_null(strstr(err.msg, "image import"));
        kind_fails("a.vhdx", "image.container");
        kind_fails("disk", "image.partitions");
        assert_non_null(strstr(err.msg, "MBR"));
        kind_fails("gpt", "image.partitions");
        assert_non_null(strstr(err.msg, "GPT"));
        OK(sv_disk_kind(path, &kind, &err));
        assert_int_equal(kind, SV_DISK_RAW);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_magics), cmocka_unit_test(test_qcow2),
                cmocka_unit_test(test_vmdk),   cmocka_unit_test(test_tables),
                cmocka_unit_test(test_kind),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
