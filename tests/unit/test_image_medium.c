/* SPDX-License-Identifier: Apache-2.0 */
/* image/import/medium: images that would show other files of this host, also when their owner
 * changes them behind our back; and nobody serves an image that is not read. */
#include "unit.h"

#include "base/core/file.h"
#include "image/import/medium.h"
#include "image/run.h"

#define SECRET "a secret of this host"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-medium-XXXXXX";
static const char *path;

static void sh(const char *script)
{
        SV_STR command = sv_asprintf("cd %s && %s", dir, script);
        const char *const argv[] = {"sh", "-ec", command, NULL};

        OK(sv_run(argv, "test", &err));
}

/* good.* show zeros only, evil.* the secret. */
static int set_up(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        setenv("TMPDIR", dir, 1);
        path = getenv("PATH");
        sh("truncate -s 1M secret zeros && printf '" SECRET
           "' | dd of=secret conv=notrunc status=none && "
           "qemu-img convert -O qcow2 zeros good.qcow2 && "
           "qemu-img create -q -f qcow2 -b $PWD/secret -F raw evil.qcow2 && "
           "qemu-img create -q -f vmdk good.vmdk 1M && mkdir bin");
        return 0;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, &err);
}

/* A VMDK whose text names a parent where QEMU looks for it, and says that it has none. */
static void make_evil_vmdk(void)
{
        sh("qemu-img convert -O vmdk secret parent.vmdk && cp good.vmdk evil.vmdk && "
           "cid=$(grep -a -m1 ^CID= parent.vmdk) && "
           "printf '# Disk DescriptorFile\nversion=1\nCID=12345678\nparent%s\n#parentCID=ffffffff\n"
           "createType=\"monolithicSparse\"\nparentFileNameHint=\"%s/parent.vmdk\"\n' $cid $PWD | "
           "dd of=evil.vmdk bs=512 seek=1 conv=notrunc,sync status=none");
}

/* The same, and the head points to a harmless text behind it. */
static void make_sly_vmdk(void)
{
        make_evil_vmdk();
        sh("cp evil.vmdk sly.vmdk && "
           "dd if=good.vmdk of=sly.vmdk bs=512 skip=1 seek=64 count=20 conv=notrunc status=none && "
           "printf '\\100' | dd of=sly.vmdk bs=1 seek=28 conv=notrunc status=none");
}

static int open_image(const char *name, struct sv_medium *m)
{
        SV_STR image = sv_asprintf("%s/%s", dir, name);

        return sv_medium_open(image, m, &err);
}

static void test_parents(void **state)
{
        struct sv_medium m;

        make_sly_vmdk();
        FAILS(open_image("evil.vmdk", &m), SV_USAGE, "image.container.parts");
        assert_non_null(strstr(err.msg, "names a parent"));
        FAILS(open_image("sly.vmdk", &m), SV_FORMAT, "image.container.head");
        assert_non_null(strstr(err.msg, "found 64"));
        FAILS(open_image("evil.qcow2", &m), SV_USAGE, "image.container.parts");
}

/* A qemu-nbd that comes before QEMU's own in PATH. */
static void put_server(const char *script)
{
        SV_STR name = sv_asprintf("%s/bin/qemu-nbd", dir);
        SV_STR first = sv_asprintf("%s/bin:%s", dir, path);
        SV_STR text = sv_asprintf("#!/bin/sh\n%s\n", script);

        OK(sv_file_write(name, 0755, sv_bytes_str(text), &err));
        setenv("PATH", first, 1);
}

/* What is seen when the owner does this between our look at the image and QEMU's. */
static void expect_zeros(const char *kind, const char *change)
{
        SV_STR good = sv_asprintf("rm -f image && cp good.%s image", kind);
        SV_STR script = sv_asprintf("cd %s && %s evil.%s image && PATH='%s' exec qemu-nbd \"$@\"",
                                    dir, change, kind, path);
        uint8_t seen[sizeof(SECRET)], zeros[sizeof(SECRET)] = {0};
        struct sv_medium m;

        sh(good);
        put_server(script);
        OK(open_image("image", &m));
        setenv("PATH", path, 1);
        OK(m.source.read(&m.source, 0, seen, sizeof(seen), &err));
        sv_medium_close(&m);
        assert_memory_equal(seen, zeros, sizeof(seen));
}

static void test_changed_images(void **state)
{
        static const char *const kinds[] = {"qcow2", "vmdk"};

        make_evil_vmdk();
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                expect_zeros(kinds[i], "ln -f"); /* another file of this name */
                expect_zeros(kinds[i], "cp");    /* the same one, with other contents */
        }
}

/* It says that it serves, and nobody can reach it: it is ended. */
static void test_unreached(void **state)
{
        SV_STR ended = sv_asprintf("%s/ended", dir);
        SV_STR script = sv_asprintf(
                "for a; do case $a in --pid-file=*) pid=${a#*=};; esac; done\n"
                "sh -c 'trap \": >%s; exit\" TERM; for i in $(seq 200); do sleep 0.05; done' "
                ">/dev/null 2>&1 &\necho $! >\"$pid\"; sleep 0.3",
                ended);
        struct sv_medium m;

        put_server(script);
        FAILS(open_image("good.qcow2", &m), SV_SYSTEM, "import.nbd");
        setenv("PATH", path, 1);
        WAIT_UNTIL(access(ended, F_OK) == 0, 8, "the server was left to run");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parents),
                cmocka_unit_test(test_changed_images),
                cmocka_unit_test(test_unreached),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
