/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU noted in an image, as it is read, and what is none. That QEMU writes such images is the
 * hosts' to show (move_copied). */
#include <sys/mman.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "tests/unit/notes_image.h"

#define MIB   (1ull << 20)
#define SIZE  (19 * MIB + 512) /* 20 marks: three bytes, of which the last has four bits */
#define MARKS 20

static struct sv_err err;
static int fd = -1;
static bool marks[MARKS];

static int make(void **state)
{
        fd = memfd_create("image", MFD_CLOEXEC);
        OK(sv_qcow2_make_notes(fd, "image", SIZE, &err));
        memset(marks, 0, sizeof(marks));
        return 0;
}

static int make_noted(void **state)
{
        static const uint8_t bits[] = {0x81, 0x00, 0xf8}; /* behind the disk's end, too */

        make(NULL);
        put_notes(fd, bits, sizeof(bits));
        return 0;
}

static int end(void **state)
{
        sv_closep(&fd);
        return 0;
}

static int read_it(void)
{
        return sv_qcow2_read_bitmap(fd, "image", "writes", SIZE, marks, &err);
}

static void marks_are_counted(void **state)
{
        assert_int_equal(sv_qcow2_count_marks(1), 1);
        assert_int_equal(sv_qcow2_count_marks(MIB), 1);
        assert_int_equal(sv_qcow2_count_marks(MIB + 1), 2);
        assert_int_equal(sv_qcow2_count_marks(SIZE), MARKS);
}

static void what_is_noted_is_read(void **state)
{
        marks[3] = true; /* of an earlier time */
        OK(read_it());
        for (size_t i = 0; i < MARKS; i++)
                assert_int_equal(marks[i], i == 0 || i == 3 || i == 7 || i == 19);
}

static void a_table_says_all_or_nothing(void **state)
{
        put_number(fd, NOTES_TABLE, 0, 8);
        OK(read_it());
        for (size_t i = 0; i < MARKS; i++)
                assert_false(marks[i]);
        put_number(fd, NOTES_TABLE, 1, 8);
        OK(read_it());
        for (size_t i = 0; i < MARKS; i++)
                assert_true(marks[i]);
}

/* QEMU was killed, or never let go of it. */
static void a_new_one_says_nothing(void **state)
{
        FAILS(read_it(), SV_FORMAT, "image.qcow2.bitmap");
}

static void another_bitmap_is_refused(void **state)
{
        static const struct {
                uint64_t at, v;
                size_t n;
        } rows[] = {
                {88, 0, 8},                               /* somebody changed it without minding */
                {100, SV_QCOW2_CLUSTER + 1, 4},           /* a header longer than its cluster */
                {NOTES_EXTENSION + 4, 0xffffff, 4},       /* an extension longer than that */
                {NOTES_EXTENSION + 16, 0x23852876, 4},    /* no bitmaps */
                {NOTES_EXTENSION + 16, 0, 4},             /* no more extensions */
                {NOTES_EXTENSION + 20, 23, 4},            /* too short */
                {NOTES_EXTENSION + 20, 25, 4},            /* too long */
                {NOTES_EXTENSION + 24, 2, 4},             /* two of them */
                {NOTES_EXTENSION + 24, 0, 4},             /* none */
                {NOTES_EXTENSION + 32, 0, 8},             /* without a directory */
                {NOTES_EXTENSION + 32, 31, 8},            /* cut short */
                {NOTES_EXTENSION + 32, 33, 8},            /* something behind it */
                {NOTES_EXTENSION + 32, 4096, 8},          /* the longest; and all of it behind */
                {NOTES_EXTENSION + 32, 4097, 8},          /* longer than is read */
                {NOTES_DIRECTORY + 8, 0, 4},              /* no table */
                {NOTES_DIRECTORY + 8, 2, 4},              /* of a larger disk */
                {NOTES_DIRECTORY + 12, 3, 4},             /* in use */
                {NOTES_DIRECTORY + 16, 2, 1},             /* of another type */
                {NOTES_DIRECTORY + 17, 19, 1},            /* of other parts of the disk */
                {NOTES_DIRECTORY + 18, 5, 2},             /* another name */
                {NOTES_DIRECTORY + 18, 0xffff, 2},        /* a name behind the end */
                {NOTES_DIRECTORY + 20, 8, 4},             /* that there is more to know of it */
                {NOTES_DIRECTORY + 24, 'W', 1},           /* another name */
                {NOTES_TABLE, NOTES_BITS | 1, 8},         /* there, and all ones */
                {NOTES_TABLE, NOTES_BITS + 512, 8},       /* no cluster */
                {NOTES_TABLE, 1ull << 56 | NOTES_BITS, 8} /* a bit without a meaning */
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                make_noted(NULL);
                put_number(fd, rows[i].at, rows[i].v, rows[i].n);
                FAILS(read_it(), SV_FORMAT, "image.qcow2.bitmap");
                end(NULL);
        }
}

static void what_lies_behind_the_end_is_refused(void **state)
{
        static const struct {
                uint64_t at, v;
        } rows[] = {
                {NOTES_EXTENSION + 40, 99 * NOTES_CLUSTER}, {NOTES_EXTENSION + 40, UINT64_MAX},
                {NOTES_DIRECTORY, 99 * NOTES_CLUSTER},      {NOTES_DIRECTORY, UINT64_MAX - 3},
                {NOTES_TABLE, 99 * NOTES_CLUSTER},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                make_noted(NULL);
                put_number(fd, rows[i].at, rows[i].v, 8);
                FAILS(read_it(), SV_FORMAT, "image.qcow2.table");
                end(NULL);
        }
}

static void a_cut_image_is_refused(void **state)
{
        OK(read_it());
        assert_int_equal(ftruncate(fd, (off_t)NOTES_BITS + 3), 0);
        OK(read_it());
        for (uint64_t n = NOTES_BITS + 2; n > NOTES_CLUSTER; n -= 1021) {
                assert_int_equal(ftruncate(fd, (off_t)n), 0);
                FAILS(read_it(), SV_FORMAT, "image.qcow2.table");
        }
}

static void an_image_of_something_else_is_refused(void **state)
{
        FAILS(sv_qcow2_read_bitmap(fd, "image", "writes", SIZE + 512, marks, &err), SV_FORMAT,
              "image.qcow2.bitmap");
        FAILS(sv_qcow2_read_bitmap(fd, "image", "reads", SIZE, marks, &err), SV_FORMAT,
              "image.qcow2.bitmap");
        put_number(fd, 72, 4 | 2, 8); /* QEMU says that it is corrupt */
        FAILS(read_it(), SV_FORMAT, "image.qcow2.header");
        put_number(fd, 72, 0, 8); /* one that has its data */
        FAILS(read_it(), SV_FORMAT, "image.qcow2.header");
        FAILS(sv_qcow2_read_bitmap(-1, "image", "writes", SIZE, marks, &err), SV_SYSTEM,
              "image.qcow2.read");
}

/* And the other way round: who reads changes refuses it. */
static void it_is_no_image_of_changes(void **state)
{
        struct sv_qcow2 q;

        FAILS(sv_qcow2_open(fd, "image", &q, &err), SV_FORMAT, "image.qcow2.header");
}

static void a_disk_has_its_limits(void **state)
{
        FAILS(sv_qcow2_make_notes(fd, "image", SV_QCOW2_DISK_MAX + 1, &err), SV_USAGE,
              "image.qcow2.size");
        OK(sv_qcow2_make_notes(fd, "image", SV_QCOW2_DISK_MAX, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(marks_are_counted),
                cmocka_unit_test_setup_teardown(what_is_noted_is_read, make_noted, end),
                cmocka_unit_test_setup_teardown(a_table_says_all_or_nothing, make_noted, end),
                cmocka_unit_test_setup_teardown(a_new_one_says_nothing, make, end),
                cmocka_unit_test(another_bitmap_is_refused),
                cmocka_unit_test(what_lies_behind_the_end_is_refused),
                cmocka_unit_test_setup_teardown(a_cut_image_is_refused, make_noted, end),
                cmocka_unit_test_setup_teardown(an_image_of_something_else_is_refused, make_noted,
                                                end),
                cmocka_unit_test_setup_teardown(it_is_no_image_of_changes, make_noted, end),
                cmocka_unit_test_setup_teardown(a_disk_has_its_limits, make, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
