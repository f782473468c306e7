/* SPDX-License-Identifier: Apache-2.0 */
/* The changed blocks of a disk in a qcow2 image, as they are read, and what is none. That QEMU
 * writes such images is e2e's to show (snapshots). */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/qcow2.h"
#include "tests/unit/unit.h"

#define CLUSTER ((uint64_t)SV_QCOW2_CLUSTER)
#define L1      (3 * CLUSTER)
#define L2      (4 * CLUSTER)
#define SIZE    (3 * CLUSTER + 512) /* its last cluster is short */

static struct sv_err err;
static int fd = -1;

static void put(uint64_t at, uint64_t v, size_t n)
{
        uint8_t b[8];

        for (size_t i = 0; i < n; i++)
                b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
        assert_int_equal(pwrite(fd, b, n, (off_t)at), n);
}

static void put_letters(uint64_t at, char letter, size_t n)
{
        uint8_t b[SV_QCOW2_CLUSTER];

        memset(b, letter, n);
        assert_int_equal(pwrite(fd, b, n, (off_t)at), n);
}

static int make(void **state)
{
        fd = memfd_create("image", MFD_CLOEXEC);
        OK(sv_qcow2_make(fd, "image", SIZE, &err));
        return 0;
}

/* Of four clusters: the first has bytes, the second did not change, the third is zeros, the short
 * last one has bytes at the very end of the file. */
static int make_changed(void **state)
{
        make(NULL);
        put(L1, L2 | 1ull << 63, 8);
        put(L2, (L2 + CLUSTER) | 1ull << 63, 8);
        put(L2 + 16, (L2 + CLUSTER) | 1ull << 63 | 1, 8); /* whatever is there */
        put(L2 + 24, (L2 + 2 * CLUSTER) | 1ull << 63, 8);
        put_letters(L2 + CLUSTER, 'x', CLUSTER);
        put_letters(L2 + 2 * CLUSTER, 'y', 512);
        return 0;
}

static int end(void **state)
{
        sv_closep(&fd);
        return 0;
}

static int open_image(struct sv_qcow2 *q)
{
        return sv_qcow2_open(fd, "image", q, &err);
}

static int count(uint64_t *n)
{
        struct sv_qcow2 q;

        return open_image(&q) < 0 ? -1 : sv_qcow2_count(&q, n, &err);
}

static void nothing_has_changed_in_a_new_one(void **state)
{
        struct sv_qcow2 q;
        uint64_t n = 1;

        OK(open_image(&q));
        assert_int_equal(q.size, SIZE);
        OK(count(&n));
        assert_int_equal(n, 0);
}

static void every_change_is_there(void **state)
{
        SV_FD disk = memfd_create("disk", MFD_CLOEXEC);
        uint8_t found[SIZE], expected[SIZE], head[CLUSTER + 10];
        struct sv_qcow2 q;
        uint64_t n = 0;

        memset(expected, 'o', sizeof(expected));
        memset(head, 'o', sizeof(head));
        assert_int_equal(write(disk, expected, SIZE), SIZE);
        OK(open_image(&q));
        OK(sv_qcow2_count(&q, &n, &err));
        assert_int_equal(n, 2 * CLUSTER + 512);
        OK(sv_qcow2_apply(&q, disk, &err));
        memset(expected, 'x', CLUSTER);
        memset(expected + 2 * CLUSTER, 0, CLUSTER);
        memset(expected + 3 * CLUSTER, 'y', 512);
        assert_int_equal(lseek(disk, 0, SEEK_END), SIZE);
        assert_int_equal(pread(disk, found, SIZE, 0), SIZE);
        assert_memory_equal(found, expected, SIZE);
        OK(sv_qcow2_apply_head(&q, head, sizeof(head), &err));
        assert_memory_equal(head, expected, CLUSTER);
        assert_memory_equal(head + CLUSTER, "oooooooooo", 10);
}

static void zeros_are_written_where_no_hole_can_be(void **state)
{
        struct sv_qcow2 q;
        uint8_t out[2];
        int ends[2];

        OK(open_image(&q));
        assert_int_equal(pipe(ends), 0);
        FAILS(sv_qcow2_apply(&q, ends[1], &err), SV_SYSTEM, "image.qcow2.write");
        sv_closep(&ends[0]);
        sv_closep(&ends[1]);
        memset(out, 'o', 2);
        OK(sv_qcow2_apply_head(&q, out, 1, &err));
        assert_memory_equal(out, "xo", 2);
}

static void other_images_are_refused(void **state)
{
        static const struct {
                uint64_t at, v;
                size_t n;
        } rows[] = {
                {0, 0x514649fc, 4},
                {4, 2, 4},
                {8, 1, 8},
                {16, 1, 4},
                {20, 12, 4},
                {24, 0, 8},
                {32, 1, 4},
                {36, 0, 4},
                {40, 99 * CLUSTER, 8},
                {60, 1, 4},
                {72, 4, 8},
                {79, 1, 1},
                {24, SV_QCOW2_DISK_MAX + 1, 8},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                uint64_t n;

                make(NULL);
                put(rows[i].at, rows[i].v, rows[i].n);
                FAILS(count(&n), SV_FORMAT, "image.qcow2.header");
                end(NULL);
        }
        make(NULL);
        assert_int_equal(ftruncate(fd, 103), 0);
        FAILS(count(&(uint64_t){0}), SV_FORMAT, "image.qcow2.header");
}

static void broken_tables_are_refused(void **state)
{
        static const struct {
                uint64_t at, v;
        } rows[] = {
                {L1, 99 * CLUSTER},         /* behind the end */
                {L1, L2 + 512},             /* no cluster */
                {L1, L2 | 1},               /* a bit without a meaning */
                {L2, 99 * CLUSTER},         /* behind the end */
                {L2, L2 + 512},             /* no cluster */
                {L2, (L2 + CLUSTER) | 2},   /* a bit without a meaning */
                {L2, 1ull << 62 | CLUSTER}, /* compressed */
                {L2, L2 + 2 * CLUSTER},     /* whole, where the file has 512 bytes more */
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                uint64_t n;

                make_changed(NULL);
                put(rows[i].at, rows[i].v, 8);
                FAILS(count(&n), SV_FORMAT, "image.qcow2.table");
                end(NULL);
        }
}

/* At each length: an error, or all of it. */
static void a_cut_image_is_refused(void **state)
{
        for (uint64_t n = L2 + 2 * CLUSTER + 511; n > L1; n -= 509) {
                uint64_t changed;

                assert_int_equal(ftruncate(fd, (off_t)n), 0);
                FAILS(count(&changed), SV_FORMAT, "image.qcow2.table");
        }
}

static void a_disk_has_its_limits(void **state)
{
        struct sv_qcow2 q;

        FAILS(sv_qcow2_make(fd, "image", 0, &err), SV_USAGE, "image.qcow2.size");
        FAILS(sv_qcow2_make(fd, "image", SV_QCOW2_DISK_MAX + 1, &err), SV_USAGE,
              "image.qcow2.size");
        OK(sv_qcow2_make(fd, "image", SV_QCOW2_DISK_MAX, &err));
        OK(open_image(&q));
        assert_int_equal(q.size, SV_QCOW2_DISK_MAX);
        FAILS(sv_qcow2_make(-1, "image", 1, &err), SV_SYSTEM, "image.qcow2.write");
        FAILS(sv_qcow2_open(-1, "image", &q, &err), SV_SYSTEM, "image.qcow2.read");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nothing_has_changed_in_a_new_one, make, end),
                cmocka_unit_test_setup_teardown(every_change_is_there, make_changed, end),
                cmocka_unit_test_setup_teardown(zeros_are_written_where_no_hole_can_be,
                                                make_changed, end),
                cmocka_unit_test(other_images_are_refused),
                cmocka_unit_test(broken_tables_are_refused),
                cmocka_unit_test_setup_teardown(a_cut_image_is_refused, make_changed, end),
                cmocka_unit_test_setup_teardown(a_disk_has_its_limits, make, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
