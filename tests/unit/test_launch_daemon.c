/* SPDX-License-Identifier: Apache-2.0 */
/* Users of their own for guests of a libvirt daemon: where they can be had, and the lists of who
 * may, into which they are put. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "launcher/keeper/acl.h"
#include "launcher/keeper/daemon-ids.h"
#include "launcher/virt/virt-dac.h"
#include "tests/unit/unit.h"

#define NAME "system.posix_acl_access"

enum { OWNER = 1, USER = 2, GROUP = 4, GROUPS = 8, MASK = 16, OTHER = 32, NONE = -1 };

static char base[32], path[48];

struct entry {
        int tag, may, id;
};

static void write_entries(const struct entry *e, struct sv_buf *b)
{
        sv_buf_u32le(b, 2);
        for (; e->tag; e++) {
                sv_buf_u16le(b, (uint16_t)e->tag);
                sv_buf_u16le(b, (uint16_t)e->may);
                sv_buf_u32le(b, (uint32_t)e->id);
        }
}

static void must_have(const struct entry *e)
{
        uint8_t found[256];
        SV_BUF expected = SV_BUF_NULL;
        ssize_t n = getxattr(path, NAME, found, sizeof(found));

        write_entries(e, &expected);
        assert_int_equal(n, expected.n);
        assert_memory_equal(found, expected.p, expected.n);
}

static void make_file(unsigned mode)
{
        struct sv_err err;

        snprintf(path, sizeof(path), "%s/f", base);
        OK(sv_file_write(path, mode, sv_bytes_str("x"), &err));
        if (getxattr(path, NAME, NULL, 0) < 0 && errno != ENODATA) {
                print_message("%s: this file system has no access control lists\n", base);
                skip();
        }
}

static unsigned mode_of(void)
{
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_mode & 0777;
}

static void users_come_and_go(void **state)
{
        static const struct entry two[] = {{OWNER, 6, NONE},
                                           {USER, 1, 700001},
                                           {USER, 6, 700003},
                                           {GROUP, 4, NONE},
                                           {MASK, 7, NONE},
                                           {OTHER, 0, NONE},
                                           {0}};
        static const struct entry one[] = {{OWNER, 6, NONE}, {USER, 1, 700001}, {GROUP, 4, NONE},
                                           {MASK, 5, NONE},  {OTHER, 0, NONE},  {0}};
        struct sv_err err;

        make_file(0640);
        OK(sv_acl_set_user(path, 700003, 6, &err));
        OK(sv_acl_set_user(path, 700001, 4, &err));
        OK(sv_acl_set_user(path, 700001, 1, &err));
        must_have(two);
        OK(sv_acl_set_user(path, 700003, 0, &err));
        must_have(one);
        OK(sv_acl_set_user(path, 700001, 0, &err));
        /* as it was, the group's rights too, which are behind the mask meanwhile */
        assert_int_equal(getxattr(path, NAME, NULL, 0), -1);
        assert_int_equal(mode_of(), 0640);
        OK(sv_acl_set_user(path, 700001, 0, &err));
        assert_int_equal(mode_of(), 0640);
        FAILS(sv_acl_set_user("/nonexistent", 700001, 1, &err), SV_SYSTEM, "launch.ids");
}

/* Those that somebody else has put in stay, and get no more than they had. */
static void other_entries_stay(void **state)
{
        static const struct entry before[] = {{OWNER, 7, NONE},
                                              {USER, 7, 700005},
                                              {GROUP, 6, NONE},
                                              {GROUPS, 7, 700007},
                                              {MASK, 4, NONE},
                                              {OTHER, 1, NONE},
                                              {0}};
        static const struct entry after[] = {
                {OWNER, 7, NONE},    {USER, 4, 700005}, {USER, 3, 700009}, {GROUP, 4, NONE},
                {GROUPS, 4, 700007}, {MASK, 7, NONE},   {OTHER, 1, NONE},  {0}};
        static const struct entry without[] = {{OWNER, 7, NONE},
                                               {USER, 4, 700005},
                                               {GROUP, 4, NONE},
                                               {GROUPS, 4, 700007},
                                               {MASK, 4, NONE},
                                               {OTHER, 1, NONE},
                                               {0}};
        SV_BUF list = SV_BUF_NULL;
        struct sv_err err;

        make_file(0600);
        write_entries(before, &list);
        assert_int_equal(setxattr(path, NAME, list.p, list.n, 0), 0);
        OK(sv_acl_set_user(path, 700009, 3, &err));
        must_have(after);
        OK(sv_acl_set_user(path, 700009, 0, &err));
        must_have(without);
}

static void which_daemon(void **state)
{
        static const struct {
                const char *uri;
                bool local;
        } t[] = {
                {"qemu:///system", true},
                {"qemu:///system?socket=/run/x", true},
                {"qemu+unix:///system", true},
                {"qemu:///session", false},
                {"qemu:///systems", false},
                {"qemu:///embed?root=/x:///system", false},
                {"qemu+ssh://host/system", false},
                {"qemu+ssh:///system", false},
                {"qemu+tls://host/system", false},
                {"qemu+tcp:///system", false},
                {"test:///system", false},
                {"xen:///system", false},
                {"", false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
                if (sv_virt_is_local_system(t[i].uri) != t[i].local)
                        fail_msg("%s", t[i].uri);
        assert_true(sv_virt_has_dac("<host><secmodel><model>dac</model></secmodel></host>"));
        assert_false(sv_virt_has_dac("<host><secmodel><model>none</model></secmodel></host>"));
        assert_false(sv_virt_has_dac("<host></host><guest><model>dac</model></guest>"));
        assert_false(sv_virt_has_dac("<model>dac</model>"));
}

static void another_host_has_other_ids(void **state)
{
        SV_STR without = sv_virt_drop_user(
                "<domain><seclabel type='static' model='dac' "
                "relabel='yes'>\n<label>+5:+5</label>\n</seclabel>"
                "<seclabel type='dynamic' model='apparmor' relabel='yes'/></domain>");
        SV_STR same = sv_virt_drop_user(
                "<domain><seclabel type='dynamic' model='dac' relabel='yes'/></domain>");

        assert_string_equal(
                without,
                "<domain><seclabel type='dynamic' model='apparmor' relabel='yes'/></domain>");
        assert_string_equal(
                same, "<domain><seclabel type='dynamic' model='dac' relabel='yes'/></domain>");
}

static void files_that_are_kept(void **state)
{
        assert_true(sv_daemon_keeps_files("user = \"root\"\ndynamic_ownership = 0\n"));
        assert_true(sv_daemon_keeps_files("  dynamic_ownership=0"));
        assert_false(sv_daemon_keeps_files("dynamic_ownership = 0\ndynamic_ownership = 1\n"));
        assert_false(sv_daemon_keeps_files("#dynamic_ownership = 0\n"));
        assert_false(sv_daemon_keeps_files("dynamic_ownership = 1\n"));
        assert_false(sv_daemon_keeps_files("dynamic_ownership_of = 0\n"));
        assert_false(sv_daemon_keeps_files(""));
}

/* What a daemon's guest had is anybody's when it is gone, though its folder stays. */
static void ids_are_given_back(void **state)
{
        SV_STR registry = sv_asprintf("%s/ids", base);
        SV_STR subuid = sv_asprintf("%s/subuid", base);
        struct sv_ids a, b, again;
        struct sv_err err;

        OK(sv_file_write(subuid, 0644, sv_bytes_str("secure-vm:700101:4\n"), &err));
        OK(sv_ids_take_from(registry, subuid, base, &a, &err));
        OK(sv_ids_take_from(registry, subuid, "/", &b, &err));
        assert_int_equal(b.qemu, a.qemu + 2);
        FAILS(sv_ids_take_from(registry, subuid, "/tmp", &again, &err), SV_SYSTEM, "launch.ids");
        OK(sv_ids_give_back_in(registry, &a, &err));
        OK(sv_ids_take_from(registry, subuid, "/tmp", &again, &err));
        assert_int_equal(again.qemu, a.qemu);
}

static int group_setup(void **state)
{
        strcpy(base, "/tmp/svdaemonXXXXXX");
        return mkdtemp(base) ? 0 : -1;
}

static int group_teardown(void **state)
{
        return sv_remove_tree(base, NULL);
}

/* As the kernel has it for the user that libvirt names. */
static void who_may_open_kvm(void **state)
{
        static const struct {
                unsigned mode, group;
                const char *user;
                bool may;
        } rows[] = {
                {0600, 0, "+65534:+65533", false},
                {0660, 65533, "+65534:+65533", true},
                {0660, 65532, "+65534:+65533", false},
                {0666, 0, "+65534:+65533", true},
                {0644, 0, "+65534:+65533", false},
                {0600, 0, "+0:+0", true},
                {0600, 0, "root", true},
                {0600, 0, "+65534", true},
                {0600, 0, "+65534:65533", true},
                {0600, 0, NULL, true},
        };
        struct sv_err err;

        if (geteuid()) {
                print_message("only root can ask for another user\n");
                skip();
        }
        assert_int_equal(chmod(base, 0755), 0);
        snprintf(path, sizeof(path), "%s/kvm", base);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                OK(sv_file_write(path, 0600, sv_bytes_str("x"), &err));
                assert_int_equal(chown(path, 0, rows[i].group), 0);
                assert_int_equal(chmod(path, rows[i].mode), 0);
                if (rows[i].may)
                        OK(sv_daemon_check_kvm(path, rows[i].user, &err));
                else
                        FAILS(sv_daemon_check_kvm(path, rows[i].user, &err), SV_SYSTEM,
                              "launch.kvm-user");
        }
        OK(sv_daemon_check_kvm("/nowhere", "+65534:+65533", &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(users_come_and_go),   cmocka_unit_test(other_entries_stay),
                cmocka_unit_test(which_daemon),        cmocka_unit_test(who_may_open_kvm),
                cmocka_unit_test(files_that_are_kept), cmocka_unit_test(another_host_has_other_ids),
                cmocka_unit_test(ids_are_given_back),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
