/* SPDX-License-Identifier: Apache-2.0 */
/* What root opens for the owner of a guest file, and what it does not. The cases that need root are
 * skipped for others, who open as themselves anyway. */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "launcher/keeper/owner.h"
#include "tests/unit/unit.h"

#define NOBODY 65534

static char base[32];

static void put(const char *path, const char *text, unsigned mode, uid_t uid)
{
        struct sv_err err;

        OK(sv_file_write(path, mode, sv_bytes_str(text), &err));
        assert_int_equal(lchown(path, uid, uid), 0);
}

static void need_root(void)
{
        if (geteuid() != 0)
                skip();
}

static int open_and_close(const struct sv_guest *g, const char *path)
{
        SV_FD fd = sv_owner_open(g, path, O_RDONLY);

        return fd < 0 ? -errno : 0;
}

static void follows_no_link_to_what_the_owner_may_not_read(void **state)
{
        const struct sv_guest theirs = {.owner = NOBODY}, roots = {.owner = 0};
        SV_STR secret = sv_asprintf("%s/secret", base);
        SV_STR folder = sv_asprintf("%s/theirs", base);
        SV_STR link = sv_asprintf("%s/theirs/initrd", base);
        SV_STR own = sv_asprintf("%s/theirs/own", base);
        struct sv_err err;

        need_root();
        put(secret, "of root", 0600, 0);
        OK(sv_mkdirs(folder, 0755, &err));
        assert_int_equal(symlink(secret, link), 0);
        put(own, "of theirs", 0600, NOBODY);
        assert_int_equal(open_and_close(&theirs, secret), -EACCES);
        assert_int_equal(open_and_close(&theirs, link), -EACCES);
        assert_int_equal(open_and_close(&theirs, own), 0);
        errno = EACCES;
        assert_non_null(strstr(sv_owner_note(&theirs), "whose the guest file is"));
        assert_int_equal(errno, EACCES);
        /* and then this process is root as before */
        assert_int_equal(open_and_close(&roots, link), 0);
        assert_string_equal(sv_owner_note(&roots), "");
}

static void a_guest_file_has_an_owner(void **state)
{
        static const struct {
                uid_t file, folder, owner;
                unsigned mode;
        } t[] = {
                {0, 0, 0, 0755},
                {NOBODY, 0, NOBODY, 0755},
                /* who owns the folder may have put it there */
                {0, NOBODY, NOBODY, 0755},
                {1, NOBODY, 1, 0755},
                {0, 0, 0, 01777},
        };
        SV_STR folder = sv_asprintf("%s/files", base);
        SV_STR file = sv_asprintf("%s/files/g.json", base);
        struct sv_err err;

        need_root();
        OK(sv_mkdirs(folder, 0755, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_GUEST g = {0};

                put(file, "{\"name\":\"g\",\"kernel\":\"k\"}", 0644, t[i].file);
                assert_int_equal(chown(folder, t[i].folder, 0), 0);
                assert_int_equal(chmod(folder, t[i].mode), 0);
                OK(sv_guest_read(file, &g, &err));
                assert_int_equal(g.owner, t[i].owner);
        }
}

/* What "folder" names is a place to put files, as the file's own folder is. */
static void a_named_folder_has_an_owner(void **state)
{
        SV_STR folder = sv_asprintf("%s/named", base);
        SV_STR file = sv_asprintf("%s/names-a-folder.json", base);
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"kernel\":\"k\",\"folder\":\"%s\"}", folder);
        SV_GUEST g = {0};
        SV_GUEST theirs = {0};
        SV_GUEST missing = {0};
        struct sv_err err;

        need_root();
        put(file, text, 0644, 0);
        OK(sv_guest_read(file, &missing, &err));
        assert_int_equal(missing.owner, NOBODY);
        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_guest_read(file, &g, &err));
        assert_int_equal(g.owner, 0);
        assert_int_equal(chown(folder, 1, 0), 0);
        OK(sv_guest_read(file, &theirs, &err));
        assert_int_equal(theirs.owner, 1);
}

static void disks(void **state)
{
        const struct sv_guest theirs = {.owner = NOBODY}, roots = {.owner = 0};
        SV_STR file = sv_asprintf("%s/disk", base);
        SV_STR fifo = sv_asprintf("%s/fifo", base);
        struct sv_disk d = {.path = file};
        int fds[2] = {-1, -1};
        struct sv_err err;

        FAILS(sv_disk_open(&roots, &d, fds, &err), SV_SYSTEM, "launch.disk");
        put(file, "disk", 0600, geteuid());
        OK(sv_disk_open(&roots, &d, fds, &err));
        assert_true(fds[0] >= 0 && fds[1] >= 0);
        sv_closep(&fds[0]);
        sv_closep(&fds[1]);
        d.readonly = true;
        OK(sv_disk_open(&roots, &d, fds, &err));
        assert_true(fds[0] >= 0 && fds[1] < 0);
        sv_closep(&fds[0]);
        if (geteuid() == 0)
                FAILS(sv_disk_open(&theirs, &d, fds, &err), SV_SYSTEM, "launch.disk");
        assert_int_equal(mkfifo(fifo, 0600), 0);
        d.path = fifo;
        FAILS(sv_disk_open(&roots, &d, fds, &err), SV_USAGE, "launch.disk.kind");
        d.path = base;
        FAILS(sv_disk_open(&roots, &d, fds, &err), SV_USAGE, "launch.disk.kind");
}

/* A loop device that goes with its last user; "" where the kernel has none to give. */
static int make_loop(char path[32])
{
        SV_STR image = sv_asprintf("%s/image", base);
        SV_FD control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        SV_FD file = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        struct loop_config config = {.fd = (unsigned)file,
                                     .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
        int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE), fd;

        if (n < 0 || file < 0 || ftruncate(file, 1 << 20) < 0)
                return -1;
        snprintf(path, 32, "/dev/loop%d", n);
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0)
                return fd;
        sv_closep(&fd);
        return -1;
}

/* The kernel's own users of a device, as a mount, claim it as O_EXCL does. */
static void no_device_that_the_host_uses(void **state)
{
        const struct sv_guest roots = {.owner = 0};
        int fds[2] = {-1, -1}, claim;
        struct sv_err err;
        char path[32];
        struct sv_disk d = {.path = path};
        SV_FD loop = -1;

        need_root();
        loop = make_loop(path);
        if (loop < 0)
                skip();
        claim = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
        assert_true(claim >= 0);
        FAILS(sv_disk_open(&roots, &d, fds, &err), SV_SYSTEM, "launch.disk.busy");
        close(claim);
        OK(sv_disk_open(&roots, &d, fds, &err));
        sv_closep(&fds[0]);
        sv_closep(&fds[1]);
}

static int set_up(void **state)
{
        snprintf(base, sizeof(base), "/tmp/svo-XXXXXX");
        return mkdtemp(base) && chmod(base, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(base, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(follows_no_link_to_what_the_owner_may_not_read),
                cmocka_unit_test(a_guest_file_has_an_owner),
                cmocka_unit_test(a_named_folder_has_an_owner),
                cmocka_unit_test(disks),
                cmocka_unit_test(no_device_that_the_host_uses),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
