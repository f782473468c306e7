/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices as disks: names of the guest's own for them, and who uses one. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/core/limits.h"
#include "launcher/keeper/device.h"
#include "tests/unit/host_tree.h"

static struct sv_err err;
static char folder[] = "/var/lib/secure-vm/g";
static struct sv_state s = {.dir = folder, .lock = -1};
static char made[128], removed[128];
static unsigned n_removed;
static bool refuses;

int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mknod(const char *path, mode_t mode, dev_t number);
int __wrap_unlink(const char *path);
int __wrap_rmdir(const char *path);
int __real_fstatat64(int dir, const char *path, struct stat *st, int flags);
int __wrap_fstatat64(int dir, const char *path, struct stat *st, int flags);

int __wrap_mkdir(const char *path, mode_t mode)
{
        assert_string_equal(path, "/dev/secure-vm");
        errno = EEXIST;
        return -1;
}

int __wrap_mknod(const char *path, mode_t mode, dev_t number)
{
        assert_int_equal(mode, S_IFBLK | 0600);
        assert_int_equal(number, makedev(259, 7));
        snprintf(made, sizeof(made), "%s", path);
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

/* /dev/null is a disk. */
int __wrap_fstatat64(int dir, const char *path, struct stat *st, int flags)
{
        int r = __real_fstatat64(dir, path, st, flags);

        if (r == 0 && S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3))
                st->st_mode = S_IFBLK;
        return r;
}

static void nodes(void **state)
{
        SV_STR path = NULL;
        SV_STR none = NULL;

        OK(sv_device_make_node(&s, 3, makedev(259, 7), &path, &err));
        assert_string_equal(path, made);
        /* no other guest's */
        assert_string_equal(path, "/dev/secure-vm/var+lib+secure-vm+g.disk3");
        refuses = true;
        FAILS(sv_device_make_node(&s, 3, makedev(259, 7), &none, &err), SV_SYSTEM, "launch.device");
        assert_null(none);
        n_removed = 0;
        sv_device_remove_nodes(&s);
        assert_int_equal(n_removed, SV_GUEST_DISKS_MAX);
        assert_string_equal(removed, "/dev/secure-vm/var+lib+secure-vm+g.disk15");
}

static void users(void **state)
{
        SV_FD fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_true(sv_device_has_user(makedev(1, 3)));
        assert_false(sv_device_has_user(makedev(511, 1048575)));
        assert_false(sv_device_is_claimed("null"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(nodes), cmocka_unit_test(users)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
