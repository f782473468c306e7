/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU is asked for when a guest's writes are to be noted, and when that counts. */
#include "tests/unit/track_monitor.h"

static struct sv_virt subject;
static bool marks[2][MARKS];
static int images[2] = {-1, -1}; /* ours */
static struct sv_bitmaps disks;

/* --- the guest --- */

enum end { IN_ORDER, KILLED };

static void end_guest(enum end how)
{
        if (how == IN_ORDER)
                tell("SHUTDOWN", "", "");
        for (size_t i = 0; i < NODES; i++) {
                if (q.nodes[i].job && how == IN_ORDER)
                        tell("JOB_STATUS_CHANGE", q.nodes[i].name, "concluded");
                q.nodes[i].job = false;
                if (how == IN_ORDER && *q.nodes[i].name)
                        close_node(i);
        }
        q.off = true;
        q.on_life(NULL, NULL, VIR_DOMAIN_EVENT_STOPPED, 0, q.arg);
}

static int open_image(void)
{
        int fd = memfd_create("image", MFD_CLOEXEC);

        OK(sv_qcow2_make_notes(fd, "image", SIZE, &err));
        return fd;
}

static int set_up(void **state)
{
        memset(&q, 0, sizeof(q));
        for (size_t i = 0; i < NODES; i++)
                q.nodes[i].fd = -1;
        memset(marks, 0, sizeof(marks));
        disks.n = 2;
        for (size_t i = 0; i < 2; i++) {
                sv_closep(&images[i]);
                images[i] = open_image();
                disks.disks[i].size = SIZE;
                snprintf(disks.disks[i].node, sizeof(disks.disks[i].node), "libvirt-%zu-storage",
                         i + 1);
        }
        return 0;
}

static int tear_down(void **state)
{
        for (size_t i = 0; i < NODES; i++)
                sv_closep(&q.nodes[i].fd);
        for (size_t i = 0; i < 2; i++)
                sv_closep(&images[i]);
        assert_int_equal(q.callbacks, 0);
        return 0;
}

static struct sv_virt_track *begin(void)
{
        struct sv_virt_track *t = NULL;

        OK(sv_virt_track_begin(&subject, &disks, images, &t, &err));
        return t;
}

static void expect_marks(size_t disk, size_t a, size_t b)
{
        for (size_t i = 0; i < MARKS; i++)
                assert_int_equal(marks[disk][i], i == a || i == b);
}

static int read_marks(size_t disk, int fd)
{
        return sv_qcow2_read_bitmap(fd, "image", SV_TRACK_BITMAP, SIZE, marks[disk], &err);
}

static int take_both(struct sv_virt_track *t)
{
        for (size_t i = 0; i < 2; i++) {
                SV_FD fd = open_image();

                if (sv_virt_track_take(t, i, fd, &err) < 0 || read_marks(i, fd) < 0)
                        return -1;
        }
        return 0;
}

static int read_both(struct sv_virt_track *t)
{
        if (sv_virt_track_wait(t, &err) < 0)
                return -1;
        return read_marks(0, images[0]) < 0 ? -1 : read_marks(1, images[1]);
}

static void expect_nothing_left(void)
{
        for (size_t i = 0; i < NODES; i++)
                assert_false(*q.nodes[i].name || q.nodes[i].job || q.nodes[i].fd >= 0);
}

/* --- cases --- */

static void notes_until_the_end(void **state)
{
        struct sv_virt_track *t = begin();

        write_at(0, 3);
        write_at(1, 19);
        OK(take_both(t));
        expect_marks(0, 3, 3);
        expect_marks(1, 19, 19);
        memset(marks, 0, sizeof(marks));
        OK(take_both(t));
        expect_marks(0, MARKS, MARKS);
        write_at(0, 5);
        write_at(0, 17);
        end_guest(IN_ORDER);
        OK(read_both(t));
        expect_marks(0, 5, 17);
        expect_marks(1, MARKS, MARKS);
        sv_virt_track_end(t);
}

/* In an I/O thread the guest writes while its notes are parted: each write is in one part, at
 * least. */
static void no_write_is_lost_in_between(void **state)
{
        struct sv_virt_track *t = begin();

        q.writes_between = true;
        OK(take_both(t));
        q.writes_between = false;
        end_guest(IN_ORDER);
        OK(read_both(t));
        assert_true(q.next >= 4);
        for (size_t i = 0; i < MARKS; i++)
                assert_int_equal(marks[0][i], i < q.next);
        sv_virt_track_end(t);
}

/* Part of what the guest was told has failed may be on the disk, and is not noted. */
static void a_write_that_failed_does_not_count(void **state)
{
        struct sv_virt_track *t = begin();

        tell("BLOCK_IO_ERROR", "", "");
        end_guest(IN_ORDER);
        FAILS(read_both(t), SV_SYSTEM, "virt.track");
        sv_virt_track_end(t);
}

static void a_killed_qemu_noted_nothing(void **state)
{
        struct sv_virt_track *t = begin();

        write_at(0, 3);
        end_guest(KILLED);
        FAILS(read_both(t), SV_FORMAT, "image.qcow2.bitmap");
        sv_virt_track_end(t);
}

/* All are closed in order, and lack what was written after the job. */
static void a_job_that_ended_before_does_not_count(void **state)
{
        static const char *const ends[] = {"aborting", "concluded", "null", "waiting", "", NULL};

        for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
                struct sv_virt_track *t;

                set_up(NULL);
                t = begin();
                if (ends[i])
                        tell("JOB_STATUS_CHANGE", q.nodes[1].name, ends[i]);
                else /* what cannot be read may be that */
                        q.on_monitor(NULL, NULL, "JOB_STATUS_CHANGE", 0, 0, "{", q.arg);
                end_guest(IN_ORDER);
                FAILS(read_both(t), SV_SYSTEM, "virt.track");
                sv_virt_track_end(t);
        }
}

static void other_events_are_none_of_ours(void **state)
{
        struct sv_virt_track *t = begin();

        tell("JOB_STATUS_CHANGE", "libvirt-1-storage", "aborting");
        tell("JOB_STATUS_CHANGE", "secure-vm-w01234567-0", "concluded"); /* of a killed command */
        tell("JOB_STATUS_CHANGE", q.nodes[0].name, "standby");
        tell("JOB_STATUS_CHANGE", q.nodes[0].name, "paused");
        tell("BLOCK_JOB_READY", q.nodes[0].name, "aborting");
        tell("RESUME", "", "");
        write_at(0, 1);
        end_guest(IN_ORDER);
        OK(read_both(t));
        expect_marks(0, 1, 1);
        sv_virt_track_end(t);
}

/* It shut down, its job ended, and it was reset: libvirt does that to reboot. */
static void a_guest_that_went_on_does_not_count(void **state)
{
        struct sv_virt_track *t = begin();

        tell("SHUTDOWN", "", "");
        tell("RESUME", "", "");
        end_guest(IN_ORDER);
        OK(read_both(t)); /* its job did, too */
        sv_virt_track_end(t);
        set_up(NULL);
        t = begin();
        tell("SHUTDOWN", "", "");
        tell("JOB_STATUS_CHANGE", q.nodes[0].name, "concluded");
        tell("RESUME", "", "");
        end_guest(IN_ORDER);
        FAILS(read_both(t), SV_SYSTEM, "virt.track");
        sv_virt_track_end(t);
}

static void another_qemu_does_not_count(void **state)
{
        struct sv_virt_track *t = begin();

        end_guest(IN_ORDER);
        q.on_life(NULL, NULL, VIR_DOMAIN_EVENT_STARTED, 0, q.arg);
        q.on_life(NULL, NULL, VIR_DOMAIN_EVENT_STOPPED, 0, q.arg);
        FAILS(read_both(t), SV_SYSTEM, "virt.track");
        sv_virt_track_end(t);
}

static void what_qemu_refuses_leaves_nothing(void **state)
{
        static const char *const commands[] = {
                "query-jobs",   "query-named-block-nodes", "query-fdsets",    "add-fd",
                "blockdev-add", "block-dirty-bitmap-add",  "blockdev-mirror",
        };

        for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
                struct sv_virt_track *t = NULL;

                set_up(NULL);
                snprintf(q.fail, sizeof(q.fail), "%s", commands[i]);
                FAILS(sv_virt_track_begin(&subject, &disks, images, &t, &err), SV_SYSTEM,
                      "virt.monitor");
                assert_null(t);
                expect_nothing_left();
                assert_int_equal(q.callbacks, 0);
        }
        set_up(NULL);
        q.deaf = true;
        FAILS(sv_virt_track_begin(&subject, &disks, images, &(struct sv_virt_track *){NULL}, &err),
              SV_SYSTEM, "virt.libvirt");
        expect_nothing_left();
}

static void what_cannot_be_taken_is_told(void **state)
{
        static const char *const commands[] = {"add-fd", "blockdev-add", "block-dirty-bitmap-add",
                                               "transaction", "blockdev-del"};

        for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
                struct sv_virt_track *t;

                set_up(NULL);
                t = begin();
                snprintf(q.fail, sizeof(q.fail), "%s", commands[i]);
                FAILS(take_both(t), SV_SYSTEM, "virt.monitor");
                *q.fail = 0;
                sv_virt_track_end(t);
                expect_nothing_left();
        }
}

/* Of one that was killed, whose jobs go on; what is said of them is not of the new ones. */
static struct sv_virt_track *volatile killed; /* its process has ended: nobody frees it */

static void ends_what_a_killed_command_left(void **state)
{
        struct sv_virt_track *t;

        killed = begin();
        q.nodes[0].polls = 2;
        t = begin();
        assert_true(q.cancels >= 4);
        write_at(0, 8);
        end_guest(IN_ORDER);
        OK(read_both(t));
        expect_marks(0, 8, 8);
        sv_virt_track_end(t);
        q.callbacks = 0;
        set_up(NULL);
        t = begin();
        OK(sv_virt_track_clear(&subject, &err));
        expect_nothing_left();
        sv_virt_track_end(t);
}

static int load(void **state)
{
        assert_int_equal(sv_virt_load_monitor(NULL), 0); /* before its table is another */
        vir_qemu.DomainQemuMonitorCommand = ask_plain;
        vir_qemu.DomainQemuMonitorCommandWithFiles = ask_with_files;
        vir_qemu.ConnectDomainQemuMonitorEventRegister = hear_monitor;
        vir_qemu.ConnectDomainQemuMonitorEventDeregister = stop_hearing;
        vir.ConnectDomainEventRegisterAny = hear_life;
        vir.ConnectDomainEventDeregisterAny = stop_hearing;
        vir.DomainIsActive = is_active;
        vir.GetLastError = last_error;
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(notes_until_the_end, set_up, tear_down),
                cmocka_unit_test_setup_teardown(no_write_is_lost_in_between, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_write_that_failed_does_not_count, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_killed_qemu_noted_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_job_that_ended_before_does_not_count, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(other_events_are_none_of_ours, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_guest_that_went_on_does_not_count, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(another_qemu_does_not_count, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_qemu_refuses_leaves_nothing, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_cannot_be_taken_is_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(ends_what_a_killed_command_left, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, load, NULL);
}
