/* SPDX-License-Identifier: Apache-2.0 */
/* image/encrypt: the image gets its name only when the broker has the key; on any failure nothing
 * is left. */
#include "unit.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/encrypt.h"
#include "luks/binding.h"
#include "luks/crypt.h"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-encrypt-XXXXXX";
static char *out_path;

/* A broker: takes or refuses. */
static struct {
        enum { TAKES, REFUSES } mood;
        struct sv_secret *resource;
        int withdrawn;
        bool image_was_there;
} broker;

static int deliver(void *arg, struct sv_secret *resource, struct sv_err *e)
{
        broker.image_was_there = access(out_path, F_OK) == 0;
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
                                         .deliver = deliver,
                                         .withdraw = withdraw};

        return sv_encrypt(&in, out, &err);
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
        OK(encrypt(0, true, &out));
        assert_int_equal(files_in_dir(), 2);
}

static void test_no_name_to_have(void **state)
{
        struct sv_encrypt_out out;

        /* A folder stands where the image should be: the key was delivered, so it is withdrawn. */
        unlink(out_path);
        assert_int_equal(mkdir(out_path, 0755), 0);
        FAILS(encrypt(40u << 20, true, &out), SV_SYSTEM, "image.out");
        assert_int_equal(broker.withdrawn, 1);
        assert_int_equal(rmdir(out_path), 0);
        assert_int_equal(files_in_dir(), 1);
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
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_taken),
                cmocka_unit_test(test_no_name_to_have),
                cmocka_unit_test(test_interrupted),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
