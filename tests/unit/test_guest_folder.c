/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/cli/guest-folder: a guest that has its name is there, also where the name is not synced:
 * its key stays. */
#include "unit.h"

#include <errno.h>

#include "base/core/file.h"
#include "launcher/cli/guest-folder.h"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-guest-folder-XXXXXX";
static int synced;

int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
        synced++;
        errno = EIO;
        return -1;
}

static int set_up(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, &err);
}

static void test_unsynced(void **state)
{
        SV_STR path = sv_asprintf("%s/guest", dir);
        struct sv_guest_folder f;

        OK(sv_guest_folder_make(path, &f, &err));
        OK(sv_guest_folder_publish(&f, &err));
        assert_int_equal(synced, 1);
        sv_guest_folder_end(&f);
        assert_int_equal(access(path, F_OK), 0);
        FAILS(sv_guest_folder_make(path, &f, &err), SV_USAGE, "image.exists");
}

/* Something got the name meanwhile: nothing of the guest is left. */
static void test_taken(void **state)
{
        SV_STR path = sv_asprintf("%s/taken", dir);
        struct sv_guest_folder f;

        OK(sv_guest_folder_make(path, &f, &err));
        OK(sv_mkdirs(path, 0755, &err));
        FAILS(sv_guest_folder_publish(&f, &err), SV_USAGE, "image.exists");
        sv_guest_folder_end(&f);
        assert_int_equal(rmdir(path), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_unsynced),
                cmocka_unit_test(test_taken),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
