/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU is asked for when the changes of a guest's disks are copied, and when that counts. */
#include "base/core/limits.h"
#include "tests/unit/played_monitor.h"

#define OLD "secure-vm-1700000000-0123456789abcdef"
#define NEW "secure-vm-1700000001-0123456789abcdef"

static struct sv_err err;
static struct sv_virt subject;
static const size_t both[] = {0, 1};
static int images[2];
static uint64_t asked[2];
static bool no_room;

static int set_up(void **state)
{
        begin_played(2, 4096);
        for (size_t i = 0; i < 2; i++) {
                snprintf(played->paths[i], sizeof(played->paths[i]), "/proc/self/exe");
                images[i] = memfd_create("image", MFD_CLOEXEC);
                OK(sv_qcow2_make(images[i], "image", 4096, &err));
                asked[i] = 0;
        }
        no_room = false;
        add_played(OLD);
        note_played();
        return 0;
}

static int tear_down(void **state)
{
        for (size_t i = 0; i < 2; i++) {
                sv_closep(&images[i]);
                sv_closep(&played_fds[i]);
        }
        return 0;
}

static int reserve(void *arg, size_t disk, uint64_t bytes, struct sv_err *e)
{
        asked[disk] = bytes;
        return no_room ? sv_fail(e, SV_SYSTEM, "snapshot.room", "no room is left") : 0;
}

static int copy(const volatile bool *cancel, bool *begun)
{
        SV_BITMAPS b = {0};
        const struct sv_changes c = {.b = &b,
                                     .disks = both,
                                     .since = OLD,
                                     .next = NEW,
                                     .fds = images,
                                     .reserve = reserve,
                                     .cancel = cancel};

        *begun = false;
        if (sv_bitmaps_read(&subject, both, 2, &b, &err) < 0)
                return -1;
        return sv_virt_copy_changes(&subject, &c, begun, &err);
}

static void expect_nothing_left(void)
{
        for (size_t i = 0; i < 2; i++) {
                assert_false(played->jobs[i].there);
                assert_false(played->jobs[i].image);
                assert_false(played->jobs[i].set);
                assert_true(fcntl(images[i], F_GETFD) >= 0); /* is still ours */
        }
        assert_true(find_played(OLD) < PLAYED_MAX);
}

static void copies_at_one_moment(void **state)
{
        struct sv_qcow2 q;
        uint64_t n;
        bool begun;

        played->job_polls = 10;
        OK(copy(NULL, &begun));
        assert_true(begun);
        assert_int_equal(played->transactions, 1);
        for (size_t i = 0; i < 2; i++) {
                OK(sv_qcow2_open(images[i], "image", &q, &err));
                OK(sv_qcow2_count(&q, &n, &err));
                assert_int_equal(n, 4096);
                assert_int_equal(asked[i], SV_QCOW2_CLUSTER);
        }
        assert_true(find_played(NEW) < PLAYED_MAX);
        expect_nothing_left();
}

/* The bitmap of a job that has ended has what was written since: more than there was to copy. */
static void nothing_is_read_of_what_has_ended(void **state)
{
        bool begun;

        played->job_polls = 0;
        OK(copy(NULL, &begun));
        assert_true(begun);
        assert_int_equal(asked[0], 0);
        assert_int_equal(asked[1], 0);
        expect_nothing_left();
}

static void what_qemu_refuses_has_not_begun(void **state)
{
        static const char *const commands[] = {"add-fd", "blockdev-add", "transaction"};

        for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
                bool begun;

                snprintf(played->fail, sizeof(played->fail), "%s", commands[i]);
                FAILS(copy(NULL, &begun), SV_SYSTEM, "virt.monitor");
                assert_non_null(strstr(err.msg, "not now"));
                assert_false(begun);
                expect_nothing_left();
                assert_int_equal(find_played(NEW), PLAYED_MAX);
        }
}

/* QEMU writes an image's tables when it lets go of it. */
static void an_image_that_is_kept_is_no_copy(void **state)
{
        bool begun;

        snprintf(played->fail, sizeof(played->fail), "blockdev-del");
        FAILS(copy(NULL, &begun), SV_SYSTEM, "snapshot.job");
        assert_true(begun);
        assert_int_equal(find_played(NEW), PLAYED_MAX);
}

static void counts_only_what_says_that_it_has_succeeded(void **state)
{
        bool begun;

        snprintf(played->job_error, sizeof(played->job_error), "No space left");
        played->job_polls = 1;
        FAILS(copy(NULL, &begun), SV_SYSTEM, "snapshot.job");
        assert_non_null(strstr(err.msg, "No space left"));
        assert_int_equal(find_played(NEW), PLAYED_MAX);
        expect_nothing_left();
        *played->job_error = 0;
        played->lose_jobs = true; /* somebody else dismissed them */
        FAILS(copy(NULL, &begun), SV_SYSTEM, "snapshot.job");
        assert_true(begun);
        assert_int_equal(find_played(NEW), PLAYED_MAX);
        expect_nothing_left();
}

static void ends_when_it_is_told_to(void **state)
{
        const volatile bool cancel = true;
        bool begun;

        played->job_polls = 1000;
        FAILS(copy(&cancel, &begun), SV_SYSTEM, "snapshot.cancelled");
        assert_int_equal(played->cancelled, 2);
        assert_int_equal(find_played(NEW), PLAYED_MAX);
        expect_nothing_left();
}

/* Between the asking for room and the beginning the guest may have written. */
static void goes_on_with_room_only(void **state)
{
        bool begun;

        no_room = true;
        played->job_polls = 1000;
        FAILS(copy(NULL, &begun), SV_SYSTEM, "snapshot.room");
        assert_int_equal(played->cancelled, 2);
        assert_int_equal(find_played(NEW), PLAYED_MAX);
        expect_nothing_left();
}

static void says_what_it_cannot_know(void **state)
{
        SV_BITMAPS b = {0};

        snprintf(played->say, sizeof(played->say), "{");
        FAILS(sv_bitmaps_read(&subject, both, 2, &b, &err), SV_FORMAT, "virt.monitor.json");
        snprintf(played->say, sizeof(played->say), "{}");
        FAILS(sv_bitmaps_read(&subject, both, 2, &b, &err), SV_SYSTEM, "virt.monitor");
        snprintf(played->say, sizeof(played->say), "{\"return\":[]}");
        FAILS(sv_bitmaps_read(&subject, both, 2, &b, &err), SV_SYSTEM, "virt.monitor");
        *played->say = 0;
        played->gone = true;
        FAILS(sv_bitmaps_read(&subject, both, 2, &b, &err), SV_SYSTEM, "virt.libvirt");
}

static void ends_what_a_killed_command_left(void **state)
{
        for (size_t i = 0; i < 2; i++) {
                played->jobs[i].there = played->jobs[i].image = played->jobs[i].set = true;
                played->jobs[i].polls = 1000;
        }
        OK(sv_virt_end_changes(&subject, &err));
        assert_int_equal(played->cancelled, 2);
        expect_nothing_left();
        played->gone = true;
        FAILS(sv_virt_end_changes(&subject, &err), SV_SYSTEM, "virt.libvirt");
}

static bool find_old(uint64_t changed[SV_GUEST_DISKS_MAX])
{
        SV_BITMAPS b = {0};

        OK(sv_bitmaps_read(&subject, both, 2, &b, &err));
        return sv_bitmaps_find(&b, OLD, changed);
}

static void a_bitmap_is_whole_or_none(void **state)
{
        uint64_t changed[SV_GUEST_DISKS_MAX];

        assert_true(find_old(changed));
        assert_true(changed[0] == SV_QCOW2_CLUSTER && changed[1] == SV_QCOW2_CLUSTER);
        played->bitmaps[0].once = true;
        assert_false(find_old(changed));
        played->bitmaps[0].once = false;
        played->bitmaps[0].off = true;
        assert_false(find_old(changed));
        played->bitmaps[0].off = false;
        played->bitmaps[0].broken = true;
        assert_false(find_old(changed));
        drop_played(OLD);
        assert_false(find_old(changed));
}

static void add_many(size_t n)
{
        SV_BITMAPS b = {0};

        played->n_bitmaps = 0;
        add_played("somebody-elses");
        for (size_t i = 0; i < n; i++) {
                SV_STR name = sv_asprintf("secure-vm-%zu-0123456789abcdef", 17000 + i);

                add_played(name);
        }
        OK(sv_bitmaps_read(&subject, both, 2, &b, &err));
        OK(sv_bitmaps_add(&subject, &b, NEW, &err));
}

static void the_oldest_bitmaps_go(void **state)
{
        add_many(SV_BITMAPS_MAX - 1);
        assert_int_equal(played->n_bitmaps, SV_BITMAPS_MAX + 1);
        add_many(SV_BITMAPS_MAX);
        assert_int_equal(played->n_bitmaps, SV_BITMAPS_MAX + 1);
        assert_int_equal(find_played("secure-vm-17000-0123456789abcdef"), PLAYED_MAX);
        assert_true(find_played("secure-vm-17001-0123456789abcdef") < PLAYED_MAX);
        assert_true(find_played("somebody-elses") < PLAYED_MAX);
        assert_true(find_played(NEW) < PLAYED_MAX);
        add_many(SV_BITMAPS_MAX + 3);
        assert_int_equal(played->n_bitmaps, SV_BITMAPS_MAX + 1);
}

static void the_one_that_is_copied_from_stays(void **state)
{
        bool begun;

        for (size_t i = 0; i < SV_BITMAPS_MAX; i++) {
                SV_STR name = sv_asprintf("secure-vm-%zu-0123456789abcdef", 1800000000 + i);

                add_played(name);
        }
        OK(copy(NULL, &begun));
        assert_true(find_played(OLD) < PLAYED_MAX);
        assert_int_equal(find_played("secure-vm-1800000000-0123456789abcdef"), PLAYED_MAX);
}

static void names_are_read(void **state)
{
        char name[SV_BITMAP_NAME_SIZE], other[SV_BITMAP_NAME_SIZE];

        OK(sv_bitmap_name(1700000000, name, &err));
        OK(sv_bitmap_name(1700000000, other, &err));
        assert_true(sv_bitmap_name_ok(name));
        assert_string_not_equal(name, other);
        assert_true(sv_bitmap_name_ok(OLD));
        assert_false(sv_bitmap_name_ok("secure-vm-1700000000-0123456789abcde"));
        assert_false(sv_bitmap_name_ok("secure-vm-0123456789abcdef"));
        assert_false(sv_bitmap_name_ok("secure-vm--0123456789abcdef"));
        assert_false(sv_bitmap_name_ok("other-1700000000-0123456789abcdef"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(copies_at_one_moment, set_up, tear_down),
                cmocka_unit_test_setup_teardown(nothing_is_read_of_what_has_ended, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_qemu_refuses_has_not_begun, set_up, tear_down),
                cmocka_unit_test_setup_teardown(an_image_that_is_kept_is_no_copy, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(counts_only_what_says_that_it_has_succeeded, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(ends_when_it_is_told_to, set_up, tear_down),
                cmocka_unit_test_setup_teardown(goes_on_with_room_only, set_up, tear_down),
                cmocka_unit_test_setup_teardown(says_what_it_cannot_know, set_up, tear_down),
                cmocka_unit_test_setup_teardown(ends_what_a_killed_command_left, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_bitmap_is_whole_or_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_oldest_bitmaps_go, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_one_that_is_copied_from_stays, set_up,
                                                tear_down),
                cmocka_unit_test(names_are_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
