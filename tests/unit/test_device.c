/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices as disks: names of the guest's own for them, and who uses one. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/core/limits.h"
#include "launcher/keeper/check-disk.h"
#include "launcher/keeper/device.h"
#include "tests/unit/host_tree.h"

static struct sv_err err;
static char folder[] = "/var/lib/secure-vm/g";
static struct sv_state s = {.dir = folder, .lock = -1};
static char made[128], removed[128];
static unsigned n_removed;
static bool refuses, is_away;
static unsigned n_taken; /* times that another guest's end removes the folder meanwhile */
static mode_t folder_mode, given_mode;
static unsigned n_given, given_to;

int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);
int __wrap_lchown(const char *path, uid_t owner, gid_t group);
int __wrap_mknod(const char *path, mode_t mode, dev_t number);
int __wrap_unlink(const char *path);
int __wrap_rmdir(const char *path);
int __real_fstatat64(int dir, const char *path, struct stat *st, int flags);
int __wrap_fstatat64(int dir, const char *path, struct stat *st, int flags);

int __wrap_mkdir(const char *path, mode_t mode)
{
        assert_string_equal(path, "/dev/secure-vm");
        if (!is_away) {
                errno = EEXIST;
                return -1;
        }
        is_away = false;
        folder_mode = mode & ~077u;
        return 0;
}

/* What is only read is root's, so that its reader cannot change who may. */
int __wrap_lchown(const char *path, uid_t owner, gid_t group)
{
        assert_string_equal(path, made);
        assert_int_equal(owner, 0);
        n_given++;
        given_to = group;
        return 0;
}

int __wrap_chmod(const char *path, mode_t mode)
{
        if (n_given) {
                assert_string_equal(path, made);
                given_mode = mode;
                return 0;
        }
        assert_string_equal(path, "/dev/secure-vm");
        folder_mode = mode;
        return 0;
}

int __wrap_mknod(const char *path, mode_t mode, dev_t number)
{
        assert_int_equal(mode, S_IFBLK | 0600);
        assert_int_equal(number, makedev(259, 7));
        snprintf(made, sizeof(made), "%s", path);
        if (n_taken) {
                n_taken--;
                is_away = true;
                errno = ENOENT;
                return -1;
        }
        errno = EROFS;
        return refuses ? -1 : 0;
}

int __wrap_unlink(const char *path)
{
        snprintf(removed, sizeof(removed), "%s", path);
        n_removed++;
        errno = ENOENT;
        return -1;
}

int __wrap_rmdir(const char *path)
{
        return 0;
}

/* /dev/null and /dev/zero are disks. */
int __wrap_fstatat64(int dir, const char *path, struct stat *st, int flags)
{
        int r = __real_fstatat64(dir, path, st, flags);

        if (r == 0 && S_ISCHR(st->st_mode) &&
            (st->st_rdev == makedev(1, 3) || st->st_rdev == makedev(1, 5)))
                st->st_mode = S_IFBLK;
        return r;
}

static void nodes(void **state)
{
        SV_STR path = NULL;
        SV_STR none = NULL;

        OK(sv_device_make_node(&s, 3, makedev(259, 7), 0, &path, &err));
        assert_string_equal(path, made);
        assert_int_equal(n_given, 0);
        /* no other guest's */
        assert_string_equal(path, "/dev/secure-vm/var+lib+secure-vm+g.disk3");
        refuses = true;
        FAILS(sv_device_make_node(&s, 3, makedev(259, 7), 0, &none, &err), SV_SYSTEM,
              "launch.device");
        assert_null(none);
        n_removed = 0;
        sv_device_remove_nodes(&s);
        assert_int_equal(n_removed, SV_GUEST_DISKS_MAX);
        assert_string_equal(removed, "/dev/secure-vm/var+lib+secure-vm+g.disk15");
}

/* Made by a launcher whose umask is 077, and removed between its making and the node's. */
static void a_folder_that_goes(void **state)
{
        SV_STR path = NULL;

        is_away = true;
        n_taken = 2;
        refuses = false;
        OK(sv_device_make_node(&s, 3, makedev(259, 7), 0, &path, &err));
        assert_int_equal(n_taken, 0);
        assert_int_equal(folder_mode, 0711);
}

static void only_read(void **state)
{
        SV_STR path = NULL;

        refuses = false;
        n_given = 0;
        OK(sv_device_make_node(&s, 3, makedev(259, 7), 4711, &path, &err));
        assert_int_equal(n_given, 1);
        assert_int_equal(given_to, 4711);
        assert_int_equal(given_mode, 0440);
        n_given = 0;
}

static void users(void **state)
{
        SV_FD fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_true(sv_device_has_user(makedev(1, 3)));
        assert_false(sv_device_has_user(makedev(511, 1048575)));
        assert_false(sv_device_is_claimed("null"));
}

ssize_t __wrap_readlink(const char *path, char *text, size_t size);

/* This process is a QEMU, others are none. */
ssize_t __wrap_readlink(const char *path, char *text, size_t size)
{
        SV_STR own = sv_asprintf("/proc/%d/exe", getpid());
        const char *exe = !strcmp(path, own) ? "/usr/bin/qemu-system-x86_64" : "/usr/bin/qemud";

        memcpy(text, exe, strlen(exe));
        return (ssize_t)strlen(exe);
}

/* Whatever node it was opened by, for reading or for writing. */
static void a_qemu_has_it(void **state)
{
        SV_FD fd = -1;
        SV_FD two = -1;

        assert_false(sv_device_has_qemu(makedev(1, 5), true));
        fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        assert_true(sv_device_has_qemu(makedev(1, 5), true));
        assert_false(sv_device_has_qemu(makedev(1, 5), false));
        two = open("/dev/zero", O_WRONLY | O_CLOEXEC);
        assert_true(sv_device_has_qemu(makedev(1, 5), false));
        assert_false(sv_device_has_qemu(makedev(511, 1048575), true));
}

/* Two guests write to one device, each by a node of its own: what one has, the other has not. */
static void held_by_one(void **state)
{
        char path[] = "/tmp/sv-held-XXXXXX";
        SV_FD first = mkstemp(path);
        SV_FD second = open(path, O_RDONLY | O_CLOEXEC);
        SV_FD third = open(path, O_RDONLY | O_CLOEXEC);
        const struct sv_disk writes = {.path = path}, reads = {.path = path, .readonly = true};

        assert_true(first >= 0 && second >= 0 && third >= 0);
        OK(sv_launch_hold_disk(&writes, first, &err));
        FAILS(sv_launch_hold_disk(&writes, second, &err), SV_SYSTEM, "launch.disk.busy");
        FAILS(sv_launch_hold_disk(&reads, third, &err), SV_SYSTEM, "launch.disk.busy");
        sv_closep(&first);
        sv_closep(&second);
        sv_closep(&third);
        /* several may read */
        first = open(path, O_RDONLY | O_CLOEXEC);
        second = open(path, O_RDONLY | O_CLOEXEC);
        third = open(path, O_RDWR | O_CLOEXEC);
        OK(sv_launch_hold_disk(&reads, first, &err));
        OK(sv_launch_hold_disk(&reads, second, &err));
        FAILS(sv_launch_hold_disk(&writes, third, &err), SV_SYSTEM, "launch.disk.busy");
        remove(path);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(nodes),         cmocka_unit_test(a_folder_that_goes),
                cmocka_unit_test(only_read),     cmocka_unit_test(users),
                cmocka_unit_test(a_qemu_has_it), cmocka_unit_test(held_by_one)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
