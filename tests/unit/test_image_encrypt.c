/* SPDX-License-Identifier: Apache-2.0 */
/* image/encrypt: the image gets its name only when the broker has the key; on any failure nothing
 * is left. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/encrypt.h"
#include "luks/binding.h"
#include "luks/crypt.h"
#include "luks/header.h"
#include "luks/integrity.h"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-encrypt-XXXXXX";
static char *out_path;

/* A broker: takes or refuses. */
static struct {
        enum { TAKES, REFUSES, REFUSES_FIRST } mood;
        struct sv_secret *resource;
        int withdrawn, settled;
        bool image_was_there;
        bool appears; /* a file, under the image's name */
} broker;

static int prepare(void *arg, struct sv_err *e)
{
        return broker.mood == REFUSES_FIRST ? sv_fail(e, SV_USAGE, "test.first", "not even asked")
                                            : 0;
}

static void settle(void *arg)
{
        assert_int_equal(access(out_path, F_OK), 0);
        broker.settled++;
}

static int deliver(void *arg, struct sv_secret *resource, const struct sv_binding *binding,
                   struct sv_err *e)
{
        assert_int_equal(strlen(binding->uuid), 36);
        broker.image_was_there = access(out_path, F_OK) == 0;
        if (broker.appears)
                OK(sv_file_write(out_path, 0644, sv_bytes_str("somebody's"), e));
        if (broker.mood == REFUSES)
                return sv_fail(e, SV_POLICY, "test.refused", "the broker refuses");
        sv_secret_free(broker.resource);
        broker.resource =
                sv_secret_copy(sv_bytes(sv_secret_reveal(resource), sv_secret_size(resource)), e);
        return 0;
}

static void withdraw(void *arg)
{
        broker.withdrawn++;
}

static int files_in_dir(void)
{
        DIR *d = opendir(dir);
        int n = 0;

        for (struct dirent *e; (e = readdir(d));)
                n += e->d_name[0] != '.';
        closedir(d);
        return n;
}

static int encrypt(uint64_t size, bool replace, struct sv_encrypt_out *out)
{
        SV_STR from = sv_asprintf("%s/tree", dir);
        const struct sv_encrypt_in in = {.from = from,
                                         .kind = SV_DISK_DIR,
                                         .size = size,
                                         .out = out_path,
                                         .replace = replace,
                                         .prepare = prepare,
                                         .deliver = deliver,
                                         .settle = settle,
                                         .withdraw = withdraw};

        return sv_encrypt(&in, out, &err);
}

static int encrypt_to_nowhere(void)
{
        const struct sv_encrypt_in in = {
                .from = dir, .kind = SV_DISK_DIR, .out = "/nonexistent/x", .prepare = prepare};
        struct sv_encrypt_out out;

        return sv_encrypt(&in, &out, &err);
}

static int set_up(void **state)
{
        SV_STR tree = NULL;
        SV_STR file = NULL;

        if (!mkdtemp(dir))
                return -1;
        out_path = sv_asprintf("%s/disk.img", dir);
        tree = sv_asprintf("%s/tree", dir);
        file = sv_asprintf("%s/tree/file", dir);
        OK(sv_mkdirs(tree, 0755, &err));
        return sv_file_write(file, 0644, sv_bytes_str("hello"), &err);
}

static int tear_down(void **state)
{
        free(out_path);
        sv_secret_free(broker.resource);
        return sv_remove_tree(dir, &err);
}

static void test_refused(void **state)
{
        struct sv_encrypt_out out;

        broker.mood = REFUSES;
        FAILS(encrypt(40u << 20, false, &out), SV_POLICY, "test.refused");
        assert_int_equal(files_in_dir(), 1); /* the tree */
        broker.mood = TAKES;
        FAILS(encrypt(1u << 20, false, &out), SV_USAGE, "image.size");
        assert_int_equal(files_in_dir(), 1);
        assert_int_equal(broker.withdrawn, 0);
}

static void test_taken(void **state)
{
        struct sv_encrypt_out out;
        struct sv_binding binding;
        struct sv_secret *key = NULL;
        SV_BUF image = SV_BUF_NULL;
        struct stat st;

        OK(encrypt(40u << 20, false, &out));
        assert_false(broker.image_was_there);
        assert_int_equal(files_in_dir(), 2);
        assert_int_equal(stat(out_path, &st), 0);
        assert_int_equal(st.st_size, 40u << 20);
        assert_int_equal(out.size, st.st_size);
        assert_int_equal(st.st_mode & 07777, 0600);
        OK(sv_binding_unpack(broker.resource, &binding, &key, &err));
        OK(sv_luks_try(out_path, key, &err));
        OK(sv_file_read(out_path, 64u << 20, &image, "test", &err));
        OK(sv_binding_check(&binding, sv_buf_bytes(&image), &err));
        /* Neither the key nor the contents are in the image as they are. */
        assert_null(memmem(image.p, image.n, sv_secret_reveal(key), 16));
        assert_null(memmem(image.p, image.n, "hello", 5));
        sv_secret_free(key);
        FAILS(encrypt(40u << 20, false, &out), SV_USAGE, "image.exists");
        assert_int_equal(broker.settled, 1);
        OK(encrypt(0, true, &out));
        assert_int_equal(files_in_dir(), 2);
}

static void test_no_name_to_have(void **state)
{
        struct sv_encrypt_out out;
        SV_FD guest = open(out_path, O_RDONLY);
        struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1};

        /* As QEMU does while a guest runs. */
        broker.settled = 0;
        assert_int_equal(fcntl(guest, F_OFD_SETLK, &lock), 0);
        FAILS(encrypt(40u << 20, true, &out), SV_USAGE, "image.busy");
        /* Nothing that the broker would not take is begun. */
        close(guest);
        guest = -1;
        broker.mood = REFUSES_FIRST;
        FAILS(encrypt(40u << 20, true, &out), SV_USAGE, "test.first");
        broker.mood = TAKES;
        /* A folder stands where the image should be: seen before anything is asked. */
        unlink(out_path);
        assert_int_equal(mkdir(out_path, 0755), 0);
        FAILS(encrypt(40u << 20, true, &out), SV_USAGE, "image.out");
        assert_int_equal(rmdir(out_path), 0);
        assert_int_equal(files_in_dir(), 1);
        /* A file appears while the image is made: it stays, and the key is taken back. */
        broker.appears = true;
        FAILS(encrypt(40u << 20, false, &out), SV_USAGE, "image.exists");
        broker.appears = false;
        assert_int_equal(broker.withdrawn, 1);
        assert_int_equal(broker.settled, 0);
        unlink(out_path);
        assert_int_equal(files_in_dir(), 1);
        /* A symbolic link leads to the image, and stays one. */
        SV_STR target = sv_asprintf("%s/target", dir);

        OK(sv_file_write(target, 0644, sv_bytes_str("old"), &err));
        assert_int_equal(symlink(target, out_path), 0);
        OK(encrypt(40u << 20, true, &out));
        struct stat st;

        assert_int_equal(lstat(out_path, &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(stat(target, &st), 0);
        assert_int_equal(st.st_size, 40u << 20);
        unlink(target);
        unlink(out_path);
        FAILS(encrypt_to_nowhere(), SV_SYSTEM, "image.out");
}

/* The image has the wanted size; tags and superblock are those of what its header says. */
static void test_integrity(void **state)
{
        SV_STR from = sv_asprintf("%s/tree", dir);
        struct sv_encrypt_in in = {.from = from,
                                   .kind = SV_DISK_DIR,
                                   .filesystem = SV_BTRFS,
                                   .size = 96u << 20,
                                   .out = out_path,
                                   .replace = true,
                                   .prepare = prepare,
                                   .deliver = deliver,
                                   .settle = settle,
                                   .withdraw = withdraw};
        struct sv_encrypt_out out;
        struct sv_luks_header h;
        SV_BUF all = SV_BUF_NULL;

        FAILS(sv_encrypt(&in, &out, &err), SV_USAGE, "image.filesystem");
        in.integrity = true;
        OK(sv_encrypt(&in, &out, &err));
        assert_int_equal(out.size, 96u << 20);
        OK(sv_file_read(out_path, 96u << 20, &all, "test", &err));
        assert_int_equal(all.n, 96u << 20);
        OK(sv_luks_header_parse(sv_buf_bytes(&all), &h, &err));
        assert_true(h.integrity);
        assert_int_equal(h.data_size, sv_integrity_room(96u << 20) * 4096);
        OK(sv_integrity_check(sv_bytes(all.p + SV_LUKS_DATA_OFFSET, SV_INTEGRITY_SUPERBLOCK),
                              h.data_size / 4096, &err));
        assert_null(memmem(all.p, all.n, "hello", 5));
        in.filesystem = SV_EXT4;
        in.size = 0;
        OK(sv_encrypt(&in, &out, &err));
        assert_true(out.size > 64u << 20);
        in.kind = SV_DISK_RAW;
        in.from = "/bin/sh"; /* no file system that would be known */
        OK(sv_encrypt(&in, &out, &err));
        unlink(out_path);
}

static void test_interrupted(void **state)
{
        struct sv_encrypt_out out;

        /* The handlers are in place since the first call. */
        raise(SIGTERM);
        FAILS(encrypt(40u << 20, true, &out), SV_SYSTEM, "image.interrupted");
        assert_int_equal(files_in_dir(), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refused),         cmocka_unit_test(test_taken),
                cmocka_unit_test(test_no_name_to_have), cmocka_unit_test(test_integrity),
                cmocka_unit_test(test_interrupted),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
