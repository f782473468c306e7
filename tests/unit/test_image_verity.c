/* SPDX-License-Identifier: Apache-2.0 */
/* image/verity: what is taken as it is, what is refused, and that a refusal leaves nothing. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "image/superblock.h"
#include "image/run.h"
#include "image/verity.h"
#include "luks/dm-verity.h"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-image-verity-XXXXXX";
static char *raw, *image;

static void sh(const char *script)
{
        SV_STR command = sv_asprintf("cd %s && PATH=$PATH:/usr/sbin && %s", dir, script);
        const char *const argv[] = {"sh", "-c", command, NULL};

        OK(sv_run(argv, "test", &err));
}

static int set_up(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        raw = sv_asprintf("%s/raw", dir);
        image = sv_asprintf("%s/image", dir);
        sh("mkdir tree && echo hello >tree/file && head -c 100000 /dev/urandom >tree/more");
        return 0;
}

static int tear_down(void **state)
{
        free(raw);
        free(image);
        return sv_remove_tree(dir, &err);
}

static int make_from(const char *from, enum sv_disk_from kind, bool replace, const uint8_t *salt,
                     struct sv_verity *v)
{
        const struct sv_verity_in in = {
                .from = from, .kind = kind, .out = image, .replace = replace, .salt = salt};

        return sv_verity_make(&in, v, &err);
}

static int make_raw(struct sv_verity *v)
{
        return make_from(raw, SV_DISK_RAW, true, NULL, v);
}

static void expect_image(const struct sv_verity *v, const char *type, unsigned block)
{
        struct stat st;

        assert_string_equal(v->type, type);
        assert_int_equal(v->data_block, block);
        assert_int_equal(stat(image, &st), 0);
        assert_int_equal(st.st_size, sv_verity_end(v));
        assert_int_equal(v->tree, sv_verity_data_size(v) + 4096);
        OK(sv_dm_verity_try(image, v, &err));
}

static void test_raw(void **state)
{
        static const uint8_t salt[32] = {1};
        struct sv_verity v, again, other;

        sh("mke2fs -q -F -t ext4 -b 4096 -d tree raw 4096");
        OK(make_raw(&v));
        expect_image(&v, "ext4", 4096);
        sh("cmp -n 16777216 raw image"); /* as it is */
        OK(make_raw(&other));
        assert_memory_not_equal(v.root, other.root, 32); /* another salt */
        OK(make_from(raw, SV_DISK_RAW, true, salt, &v));
        sh("cp image first");
        OK(make_from(raw, SV_DISK_RAW, true, salt, &again));
        assert_memory_equal(v.root, again.root, 32);
        sh("cmp first image");
        /* 1 KiB blocks, and a size that is no multiple of 4096 */
        sh("rm raw && mke2fs -q -F -t ext4 -b 1024 -d tree raw 8190");
        OK(make_raw(&v));
        expect_image(&v, "ext4", 1024);
        assert_int_equal(v.data_blocks, 8192);
        sh("rm raw && mkfs.erofs raw tree >/dev/null");
        OK(make_raw(&v));
        expect_image(&v, "erofs", 4096);
}

static void test_made(void **state)
{
        SV_STR tree = sv_asprintf("%s/tree", dir);
        SV_STR tar = sv_asprintf("%s/tree.tar", dir);
        struct sv_verity v;

        OK(make_from(tree, SV_DISK_DIR, true, NULL, &v));
        expect_image(&v, "ext4", 4096);
        sh("tar -cf tree.tar tree");
        OK(make_from(tar, SV_DISK_TAR, true, NULL, &v));
        expect_image(&v, "ext4", 4096);
        sh("debugfs -R 'cat tree/file' image 2>/dev/null | grep -q hello");
}

static void put(const char *name, off_t at, const void *data, size_t n)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        SV_FD fd = open(path, O_WRONLY);

        assert_int_equal(pwrite(fd, data, n, at), n);
}

/* One field of the superblock at a time. */
static void test_refused(void **state)
{
        static const struct {
                off_t at;
                size_t n;
                uint8_t value[4];
                enum sv_class class;
                const char *check;
        } t[] = {
                {0x38, 1, {0}, SV_FORMAT, "image.verity.filesystem"},
                {0x18, 1, {3}, SV_FORMAT, "image.verity.filesystem"},
                {0x60, 1, {0xc2 | 8}, SV_FORMAT, "image.verity.filesystem"},
                {0x60, 1, {0xc2 | 4}, SV_USAGE, "image.verity.recovery"},
                {0x3a, 1, {2}, SV_USAGE, "image.verity.recovery"},
                {0x152, 1, {1}, SV_FORMAT, "image.verity.filesystem"},
                {0x04, 4, {0x01, 0x10, 0, 0}, SV_FORMAT, "image.verity.short"},
        };
        struct sv_verity v;

        sh("rm -f raw image && mke2fs -q -F -t ext4 -O 64bit -b 4096 -d tree good 4096");
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                sh("cp good raw");
                put("raw", 1024 + t[i].at, t[i].value, t[i].n);
                FAILS(make_raw(&v), t[i].class, t[i].check);
                assert_int_equal(access(image, F_OK), -1);
        }
        sh("cp good raw && truncate -s 16773120 raw");
        FAILS(make_raw(&v), SV_FORMAT, "image.verity.short");
        sh("cp good raw && truncate -s 4096 raw");
        FAILS(make_raw(&v), SV_USAGE, "image.size");
        sh("cp good raw && truncate -s 2047 raw");
        FAILS(make_raw(&v), SV_USAGE, "image.size");
        sh(": >raw");
        FAILS(make_raw(&v), SV_FORMAT, "image.verity.filesystem");
        sh("cp good raw");
        OK(make_raw(&v));
        FAILS(make_from(raw, SV_DISK_RAW, false, NULL, &v), SV_USAGE, "image.exists");
        expect_image(&v, "ext4", 4096);
}

static void test_erofs_refused(void **state)
{
        static const uint8_t devices[4] = {8}, shift[1] = {13}, one[1] = {9};
        struct sv_verity v;

        sh("mkfs.erofs good.erofs tree >/dev/null");
        sh("cp good.erofs raw");
        put("raw", 1024 + 0x50, devices, 4);
        FAILS(make_raw(&v), SV_FORMAT, "image.verity.filesystem");
        sh("cp good.erofs raw");
        put("raw", 1024 + 0x0c, shift, 1);
        FAILS(make_raw(&v), SV_FORMAT, "image.verity.filesystem");
        put("raw", 1024 + 0x0c, one, 1);
        FAILS(make_raw(&v), SV_FORMAT, "image.verity.filesystem");
}

/* A disk that a guest has open stays. QEMU locks bytes of it. */
static void test_busy(void **state)
{
        struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};
        struct sv_verity v;
        SV_FD fd = -1;

        sh("cp good raw && cp good image");
        fd = open(image, O_RDONLY);
        assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
        FAILS(make_raw(&v), SV_USAGE, "image.busy");
        sh("cmp good image");
}

/* A name on another file system than the source. */
static void test_elsewhere(void **state)
{
        SV_STR out = sv_asprintf("/dev/shm/secure-vm-image-verity-%d", (int)getpid());
        const struct sv_verity_in in = {.from = raw, .kind = SV_DISK_RAW, .out = out};
        struct sv_verity v;

        sh("cp good raw");
        OK(sv_verity_make(&in, &v, &err));
        OK(sv_dm_verity_try(out, &v, &err));
        assert_int_equal(unlink(out), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_raw),     cmocka_unit_test(test_made),
                cmocka_unit_test(test_refused), cmocka_unit_test(test_erofs_refused),
                cmocka_unit_test(test_busy),    cmocka_unit_test(test_elsewhere),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
