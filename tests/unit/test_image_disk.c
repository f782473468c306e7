/* SPDX-License-Identifier: Apache-2.0 */
/* image/disk: owners, modes and device nodes of a tar and the contents of a directory arrive in the
 * file system, without root. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/disk.h"
#include "image/run.h"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-disk-XXXXXX";
static char *image;

#define AT 4096 /* where in the scratch file */

static void sh(const char *script)
{
        SV_STR command = sv_asprintf("cd %s && %s", dir, script);
        const char *const argv[] = {"sh", "-c", command, NULL};

        OK(sv_run(argv, "test", &err));
}

/* What debugfs(8) says to a request about the image. */
static void debugfs(const char *request, char *out, size_t size)
{
        SV_STR command = sv_asprintf("/usr/sbin/debugfs -R '%s' %s 2>/dev/null", request, image);
        FILE *p = popen(command, "r");

        assert_non_null(p);
        out[fread(out, 1, size - 1, p)] = 0;
        assert_int_equal(pclose(p), 0);
}

static int set_up(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        image = sv_asprintf("%s/image", dir);
        setenv("TMPDIR", dir, 1);
        sh("mkdir -p src/sub && echo hello >src/sub/file && chmod 4755 src/sub/file && ln -s "
           "sub/file src/link");
        sh("cd src && fakeroot sh -c 'mknod tty c 4 64 && chown 1234:4321 sub/file && tar -cf "
           "../src.tar . && tar -czf ../src.tgz .' && "
           "rm -f tty");
        return 0;
}

static int tear_down(void **state)
{
        free(image);
        return sv_remove_tree(dir, &err);
}

static int disk_make(const char *from, enum sv_disk_from kind, uint64_t size, int scratch,
                     uint64_t at, struct sv_plain *plain)
{
        const struct sv_disk_in in = {.from = from, .kind = kind, .size = size};

        return sv_disk_make(&in, scratch, at, plain, &err);
}

static void make(const char *name, enum sv_disk_from expect, uint64_t size)
{
        SV_STR from = sv_asprintf("%s/%s", dir, name);
        SV_FD scratch = -1;
        SV_BUF all = SV_BUF_NULL;
        struct sv_plain plain;
        enum sv_disk_from kind;

        sh("rm -f image");
        scratch = open(dir, O_TMPFILE | O_RDWR, 0600);
        assert_true(scratch >= 0);
        OK(sv_disk_kind(from, &kind, &err));
        assert_int_equal(kind, expect);
        OK(disk_make(from, kind, size, scratch, AT, &plain));
        assert_int_equal(plain.source.first, kind == SV_DISK_RAW ? 0 : AT);
        assert_int_equal(plain.source.size % 4096, 0);
        /* Nothing is left of the unpacking. */
        sh("test -z \"$(ls -d \"$TMPDIR\"/secure-vm-image.* 2>/dev/null)\"");
        uint8_t *p = sv_buf_grow(&all, plain.source.size);

        OK(plain.source.read(&plain.source, 0, p, plain.source.size, &err));
        close(plain.fd);
        OK(sv_file_write(image, 0600, sv_buf_bytes(&all), &err));
}

static void expect_tar_contents(void)
{
        char text[4096];

        debugfs("stat /sub/file", text, sizeof(text));
        assert_non_null(strstr(text, "Mode:  04755"));
        assert_non_null(strstr(text, "User:  1234"));
        assert_non_null(strstr(text, "Group:  4321"));
        debugfs("stat /tty", text, sizeof(text));
        assert_non_null(strstr(text, "Type: character special"));
        assert_non_null(strstr(text, "04:64"));
        debugfs("cat /sub/file", text, sizeof(text));
        assert_string_equal(text, "hello\n");
}

static void test_tar(void **state)
{
        struct stat st;

        make("src.tar", SV_DISK_TAR, 0);
        expect_tar_contents();
        make("src.tgz", SV_DISK_TAR, 32u << 20);
        expect_tar_contents();
        assert_int_equal(stat(image, &st), 0);
        assert_int_equal(st.st_size, 32u << 20);
}

static void test_dir(void **state)
{
        char text[4096];

        make("src", SV_DISK_DIR, 0);
        debugfs("cat /sub/file", text, sizeof(text));
        assert_string_equal(text, "hello\n");
        debugfs("stat /link", text, sizeof(text));
        assert_non_null(strstr(text, "sub/file"));
}

static void test_raw(void **state)
{
        struct sv_plain plain;
        struct stat st;

        sh("head -c 100000 /dev/zero >raw");
        make("raw", SV_DISK_RAW, 0);
        assert_int_equal(stat(image, &st), 0);
        assert_int_equal(st.st_size, 102400); /* whole blocks */
        make("raw", SV_DISK_RAW, 1u << 20);
        assert_int_equal(stat(image, &st), 0);
        assert_int_equal(st.st_size, 1u << 20);
        FAILS(disk_make("/proc/self/exe", SV_DISK_RAW, 4096, -1, 0, &plain), SV_USAGE,
              "image.size");
}

static void test_failures(void **state)
{
        SV_STR from = sv_asprintf("%s/src", dir);
        SV_FD scratch = open(dir, O_TMPFILE | O_RDWR, 0600);
        struct sv_plain plain;
        const char *const absent[] = {"no-such-program", NULL},
                          *const says[] = {"sh", "-c", "echo first; echo why >&2; exit 3", NULL},
                          *const steers[] = {"sh", "-c", "printf 'a\\033[2Jb\\302\\233c'; exit 3",
                                             NULL};
        enum sv_disk_from kind;

        FAILS(sv_disk_kind("/nonexistent", &kind, &err), SV_SYSTEM, "image.from");
        FAILS(sv_disk_kind("/dev/null", &kind, &err), SV_USAGE, "image.from");
        FAILS(disk_make(from, SV_DISK_DIR, 4096, scratch, 0, &plain), SV_USAGE, "image.size");
        sh("head -c 20000000 /dev/urandom >src/big");
        FAILS(disk_make(from, SV_DISK_DIR, 8u << 20, scratch, 0, &plain), SV_SYSTEM,
              "image.filesystem");
        FAILS(disk_make("/proc/self/exe", SV_DISK_TAR, 0, scratch, 0, &plain), SV_SYSTEM,
              "image.unpack");
        setenv("TMPDIR", "/nonexistent", 1);
        FAILS(disk_make("/proc/self/exe", SV_DISK_TAR, 0, scratch, 0, &plain), SV_SYSTEM,
              "image.scratch");
        setenv("TMPDIR", dir, 1);
        FAILS(sv_run(absent, "test", &err), SV_SYSTEM, "image.run");
        FAILS(sv_run(says, "test.says", &err), SV_SYSTEM, "test.says");
        assert_non_null(strstr(err.msg, "why"));
        /* nothing of it steers a terminal, C1 controls in UTF-8 neither */
        FAILS(sv_run(steers, "test.says", &err), SV_SYSTEM, "test.says");
        assert_non_null(strstr(err.msg, "a?[2Jb??c"));
}

/* Superblock of btrfs at 64 KiB: magic at 64, generation at 72, checksum type at 196 (2: SHA-256).
 */
static void test_btrfs(void **state)
{
        SV_STR from = sv_asprintf("%s/src.tar", dir);
        struct sv_disk_in in = {
                .from = from, .kind = SV_DISK_TAR, .filesystem = SV_BTRFS, .size = 64u << 20};
        SV_FD scratch = open(image, O_RDWR | O_CREAT | O_TRUNC, 0600);
        uint8_t super[512];
        struct sv_plain plain;

        OK(sv_disk_make(&in, scratch, 0, &plain, &err));
        assert_int_equal(pread(plain.fd, super, sizeof(super), 65536), sizeof(super));
        close(plain.fd);
        assert_memory_equal(super + 64, "_BHRfS_M", 8);
        assert_true(super[72] > 0);
        assert_int_equal(super[196], 2);
        sh("PATH=$PATH:/usr/sbin btrfs check --readonly image");
        sh("mkdir out && PATH=$PATH:/usr/sbin fakeroot sh -c 'btrfs restore -m image out && test "
           "$(stat -c %u:%g:%a out/sub/file) = 1234:4321:4755'");
        in.size = 44u << 20;
        FAILS(sv_disk_make(&in, scratch, 0, &plain, &err), SV_USAGE, "image.size");
        sh("head -c 90000000 /dev/urandom >src/big && tar -C src -cf src.tar .");
        in.size = 64u << 20;
        FAILS(sv_disk_make(&in, scratch, 0, &plain, &err), SV_SYSTEM, "image.filesystem");
}

static int check_blocks(const char *script)
{
        struct sv_source bytes;
        SV_FD fd = -1;

        sh(script);
        fd = open(image, O_RDONLY);
        bytes = sv_source_file(fd, 0, 4096);
        return sv_filesystem_check_blocks(&bytes, &err);
}

static void test_blocks(void **state)
{
        const struct sv_source closed = sv_source_file(-1, 0, 4096);
        enum sv_filesystem type = SV_EXT4;

        FAILS(check_blocks("rm -f image && PATH=$PATH:/usr/sbin mke2fs -q -b 1024 image 20000"),
              SV_USAGE, "image.block-size");
        assert_non_null(strstr(err.msg, "1024 bytes"));
        FAILS(check_blocks("rm -f image && PATH=$PATH:/usr/sbin mke2fs -q -b 2048 image 20000"),
              SV_USAGE, "image.block-size");
        OK(check_blocks("rm -f image && PATH=$PATH:/usr/sbin mke2fs -q -b 4096 image 20000"));
        FAILS(check_blocks("printf 'XFSB%98s\\002\\000' '' >image"), SV_USAGE, "image.block-size");
        OK(check_blocks("printf 'XFSB%98s\\020\\000' '' >image"));
        OK(check_blocks("printf 'something else' >image"));
        FAILS(sv_filesystem_check_blocks(&closed, &err), SV_SYSTEM, "source.read");
        FAILS(sv_filesystem_parse("xfs", &type, &err), SV_USAGE, "image.filesystem");
        OK(sv_filesystem_parse("btrfs", &type, &err));
        assert_int_equal(type, SV_BTRFS);
        OK(sv_filesystem_parse(NULL, &type, &err));
        assert_int_equal(type, SV_EXT4);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tar),    cmocka_unit_test(test_dir),
                cmocka_unit_test(test_raw),    cmocka_unit_test(test_failures),
                cmocka_unit_test(test_blocks), cmocka_unit_test(test_btrfs),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
