/* SPDX-License-Identifier: Apache-2.0 */
/* What a command on a guest's disks that is killed at any system call leaves to the next. */
#include "tests/unit/snapshot_disks.h"
#include "tests/unit/kill_each.h"

static int run_take(void)
{
        return take("one");
}

static int run_back_up(void)
{
        return back_up("copy");
}

static int run_delete(void)
{
        return delete ("one");
}

static int run_go_back(void)
{
        return go_back("one");
}

static int run_restore(void)
{
        return restore("copy", true);
}

/* Nothing that a command works on is left. */
static void expect_clean(void)
{
        static const char *const names[] = {"a.reverting",       "b.reverting",
                                            "a.snapshots/.new",  "a.snapshots/.old",
                                            "a.snapshots/.lock", "a.snapshots/.revert.json"};

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (access(find(names[i]), F_OK) == 0)
                        fail_msg("%s is left", names[i]);
        if (!count_snapshots() && access(find("a.snapshots"), F_OK) == 0)
                fail_msg("a.snapshots is left, without a snapshot");
}

static void enter_and_leave(void)
{
        SV_SITE p = {.lock = -1};

        OK(sv_site_find(&guest, &p, &err));
        OK(sv_revert_enter(&p, &err));
}

static void taking_is_killed(void **state)
{
        for (long n = 1;; n++) {
                bool killed;

                begin(NULL);
                killed = kill_at_call(run_take, n);
                assert_int_equal(look("a"), 'o');
                OK(sv_revert_check(&guest, &err)); /* a launch */
                fill("a", 'n');
                fill("b", 'n');
                enter_and_leave();
                expect_clean();
                if (count_snapshots())
                        OK(go_back("one")); /* what is there is whole */
                else
                        OK(take("one"));
                assert_true(look("a") == look("b") && look("a") != '?');
                if (!killed) {
                        assert_true(n > 50);
                        return;
                }
        }
}

static void backing_up_is_killed(void **state)
{
        struct sv_saved set;

        for (long n = 1;; n++) {
                bool killed;

                begin(NULL);
                killed = kill_at_call(run_back_up, n);
                assert_true(look("a") == 'o' && look("b") == 'o');
                if (access(find("copy"), F_OK) == 0)
                        OK(check_backup(find("copy"), &set));
                else
                        OK(back_up("copy"));
                enter_and_leave();
                expect_clean();
                assert_int_equal(access(find(".copy.unfinished-backup"), F_OK), -1);
                if (!killed)
                        return;
        }
}

static void deleting_is_killed(void **state)
{
        for (long n = 1;; n++) {
                bool killed;

                begin(NULL);
                OK(take("one"));
                fill("a", 'n');
                fill("b", 'n');
                killed = kill_at_call(run_delete, n);
                assert_true(look("a") == 'n' && look("b") == 'n');
                enter_and_leave();
                expect_clean();
                if (count_snapshots())
                        OK(go_back("one"));
                if (!killed)
                        return;
        }
}

/* Old or new, both disks; and a launch before any other command finds them so. */
static void kill_going_back(int (*run)(void), size_t n_disks)
{
        int old = 0, new = 0;

        /* a restore differs by the digest alone: each third call of it */
        for (long n = 1;; n += run == run_restore ? 3 : 1) {
                bool killed;

                begin(NULL);
                guest.n_disks = n_disks;
                OK(run == run_restore ? back_up("copy") : take("one"));
                fill("a", 'n');
                fill("b", n_disks > 1 ? 'n' : 'o');
                killed = kill_at_call(run, n);
                assert_true(look("a") == 'n' || look("a") == 'o');
                OK(sv_revert_check(&guest, &err));
                if (n_disks > 1)
                        assert_int_equal(look("a"), look("b"));
                old += look("a") == 'n';
                new += look("a") == 'o';
                enter_and_leave();
                expect_clean();
                assert_int_equal(count_snapshots(), run == run_go_back);
                if (!killed)
                        break;
        }
        assert_true(old > 10 && new > 2);
}

static void going_back_is_killed(void **state)
{
        kill_going_back(run_go_back, 2);
        kill_going_back(run_go_back, 1);
}

static void restoring_is_killed(void **state)
{
        kill_going_back(run_restore, 2);
}

/* --- and somebody was there before the next command --- */

static bool has_first_name(void)
{
        return look("a") == 'o';
}

static bool says_renaming(void)
{
        SV_BUF b = SV_BUF_NULL;

        if (sv_file_read(find("a.snapshots/.revert.json"), 4096, &b, "test", NULL) < 0)
                return false;
        return strstr(sv_buf_str(&b), "renaming");
}

/* The first call after which that is so. */
static void leave_when(bool (*is_so)(void))
{
        for (long n = 1;; n++) {
                begin(NULL);
                OK(take("one"));
                fill("a", 'n');
                fill("b", 'n');
                assert_true(kill_at_call(run_go_back, n));
                if (is_so())
                        break;
        }
        assert_int_equal(look("b"), 'n');
}

/* Until both copies are whole and the first has its name. */
static void leave_in_the_middle(void)
{
        leave_when(has_first_name);
}

static void none_goes_without_the_other(void **state)
{
        leave_when(says_renaming);
        assert_int_equal(look("a"), 'n');
        fill("b", 'w');
        FAILS(sv_revert_check(&guest, &err), SV_SYSTEM, "snapshot.unfinished");
        FAILS(take("two"), SV_SYSTEM, "snapshot.unfinished");
        assert_int_equal(look("a"), 'n');
        assert_int_equal(look("b"), 'w');
        unlink(find("a.reverting"));
        unlink(find("b.reverting"));
        OK(sv_revert_check(&guest, &err));
        assert_int_equal(look("a"), 'n');
        expect_clean();
}

static void a_disk_written_since_stays(void **state)
{
        leave_in_the_middle();
        fill("b", 'w');
        FAILS(sv_revert_check(&guest, &err), SV_SYSTEM, "snapshot.unfinished");
        FAILS(take("two"), SV_SYSTEM, "snapshot.unfinished");
        assert_int_equal(look("b"), 'w');
        assert_int_equal(look("b.reverting"), 'o');
        assert_int_equal(rename(find("b.reverting"), find("b")), 0);
        OK(sv_revert_check(&guest, &err));
        expect_clean();
}

static unsigned locked_renames;

/* A disk that gets its new content meanwhile is nobody's. */
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        SV_FD fd = open(to, O_RDWR);

        locked_renames += fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) < 0;
        return __real_rename(from, to);
}

static void disks_stay_locked_until_then(void **state)
{
        leave_when(says_renaming);
        locked_renames = 0;
        OK(sv_revert_check(&guest, &err));
        assert_int_equal(locked_renames, 2);
        assert_true(look("a") == 'o' && look("b") == 'o');
}

/* Another guest file with one of the disks does not know which of the two counts. */
static void another_guest_waits(void **state)
{
        static char h_name[] = "h";
        struct sv_guest other = {.file = h_name, .name = h_name, .disks = disks + 1, .n_disks = 1};

        leave_in_the_middle();
        FAILS(sv_revert_check(&other, &err), SV_SYSTEM, "snapshot.unfinished");
        OK(sv_revert_check(&guest, &err));
        OK(sv_revert_check(&other, &err));
        assert_int_equal(look("b"), 'o');
}

static void a_torn_journal_is_refused(void **state)
{
        static const char *const texts[][2] = {
                {"snapshot.unfinished",
                 "{\"format\":1,\"state\":\"else\",\"disks\":[{\"path\":\"/x\",\"mtime\":1}]}"},
                {"snapshot.unfinished", "{\"format\":1,\"state\":\"renaming\",\"disks\":[]}"},
                {"snapshot.unfinished",
                 "{\"format\":1,\"state\":\"renaming\",\"disks\":[{\"path\":\"x\",\"mtime\":1}]}"},
                {"snapshot.unfinished.member",
                 "{\"format\":2,\"state\":\"renaming\",\"disks\":[]}"},
                {"snapshot.unfinished.json", "{"},
        };

        assert_int_equal(mkdir(find("a.snapshots"), 0700), 0);
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                OK(sv_file_write(find("a.snapshots/.revert.json"), 0600, sv_bytes_str(texts[i][1]),
                                 &err));
                FAILS(sv_revert_check(&guest, &err), SV_FORMAT, texts[i][0]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(taking_is_killed),
                cmocka_unit_test(backing_up_is_killed),
                cmocka_unit_test(deleting_is_killed),
                cmocka_unit_test(going_back_is_killed),
                cmocka_unit_test(restoring_is_killed),
                cmocka_unit_test_setup(a_disk_written_since_stays, begin),
                cmocka_unit_test_setup(none_goes_without_the_other, begin),
                cmocka_unit_test_setup(disks_stay_locked_until_then, begin),
                cmocka_unit_test_setup(another_guest_waits, begin),
                cmocka_unit_test_setup(a_torn_journal_is_refused, begin),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
