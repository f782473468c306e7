/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that are the same blocks under two names. */
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "launcher/keeper/check-disk.h"
#include "launcher/keeper/device.h"
#include "launcher/keeper/overlap.h"
#include "tests/unit/host_tree.h"

static struct sv_err err;

static void put_file(const char *path, const char *text)
{
        put_host_file(base, text, "%s", path + 1);
}

static dev_t number_of(unsigned minor)
{
        return makedev(8, minor);
}

/* Each row: who overlaps with whom. sda has sda1 and sda2; on sda1 is dm-0 (253:0), on that dm-1
 * (253:1); sdb is alone. */
static void put_disks(void)
{
        put_file("/sys/block/sda/dev", "8:0\n");
        put_file("/sys/block/sda/sda1/dev", "8:1\n");
        put_file("/sys/block/sda/sda1/partition", "1\n");
        put_file("/sys/block/sda/sda2/dev", "8:2\n");
        put_file("/sys/block/sda/sda2/partition", "2\n");
        put_file("/sys/block/sda/queue/dev", "8:77\n"); /* no partition */
        put_file("/sys/block/sdb/dev", "8:16\n");
        put_file("/sys/block/dm-0/dev", "253:0\n");
        put_file("/sys/block/dm-1/dev", "253:1\n");
        put_host_link(base, "../../../dm-0", "sys/block/sda/sda1/holders/dm-0");
        put_host_link(base, "../../sda/sda1", "sys/block/dm-0/slaves/sda1");
        put_host_link(base, "../../dm-1", "sys/block/dm-0/holders/dm-1");
        put_host_link(base, "../../dm-0", "sys/block/dm-1/slaves/dm-0");
        put_host_link(base, "../../block/sda", "sys/dev/block/8:0");
        put_host_link(base, "../../block/sda/sda1", "sys/dev/block/8:1");
        put_host_link(base, "../../block/sda/sda2", "sys/dev/block/8:2");
        put_host_link(base, "../../block/sdb", "sys/dev/block/8:16");
        put_host_link(base, "../../block/dm-0", "sys/dev/block/253:0");
        put_host_link(base, "../../block/dm-1", "sys/dev/block/253:1");
}

static void same_blocks(void **state)
{
        const dev_t all[] = {number_of(0),  number_of(1),    number_of(2),
                             number_of(16), makedev(253, 0), makedev(253, 1)};
        static const char *const overlaps[] = {"111011", "110011", "101000",
                                               "000100", "110011", "110011"};

        put_disks();
        for (size_t i = 0; i < 6; i++) {
                struct sv_overlap of;

                sv_overlap_list(base, all[i], &of);
                assert_true(of.list[0] == all[i]);
                for (size_t k = 0; k < 6; k++) {
                        bool found = false;

                        for (size_t n = 0; n < of.n; n++)
                                found = found || of.list[n] == all[k];
                        if (found != (overlaps[i][k] == '1'))
                                fail_msg("%zu and %zu: %s", i, k, found ? "same" : "apart");
                }
        }
}

static void what_sysfs_does_not_know(void **state)
{
        struct sv_overlap of;

        sv_overlap_list(base, makedev(511, 1), &of);
        assert_int_equal(of.n, 1);
        assert_true(of.list[0] == makedev(511, 1));
        assert_true(sv_device_overlaps(makedev(511, 1), makedev(511, 1)));
        assert_false(sv_device_overlaps(makedev(511, 1), makedev(511, 2)));
}

/* More of them than there is room for: the device itself is never left out. */
static void many_partitions(void **state)
{
        struct sv_overlap of;

        put_file("/sys/block/sdc/dev", "8:32\n");
        put_host_link(base, "../../block/sdc", "sys/dev/block/8:32");
        for (unsigned i = 1; i <= SV_OVERLAP_MAX; i++) {
                SV_STR dev = sv_asprintf("/sys/block/sdc/sdc%u/dev", i);
                SV_STR partition = sv_asprintf("/sys/block/sdc/sdc%u/partition", i);
                SV_STR text = sv_asprintf("259:%u\n", i);

                put_file(dev, text);
                put_file(partition, "1\n");
        }
        sv_overlap_list(base, number_of(32), &of);
        assert_int_equal(of.n, SV_OVERLAP_MAX);
        assert_true(of.list[0] == number_of(32));
}

/* By another name, and one that reads what the other writes. */
static void twice_in_one_guest(void **state)
{
        char path[] = "/tmp/sv-twice-XXXXXX";
        SV_FD fd = mkstemp(path);
        SV_STR other = sv_asprintf("%s.link", path);
        SV_STR third = sv_asprintf("%s.third", path);
        struct sv_disk disks[2] = {{0}};
        struct sv_guest g = {.disks = disks, .n_disks = 2, .owner = geteuid()};

        assert_true(fd >= 0);
        assert_int_equal(link(path, other), 0);
        g.disks[0].path = path;
        g.disks[1].path = other;
        OK(sv_launch_check_apart(&g, 0, &err));
        FAILS(sv_launch_check_apart(&g, 1, &err), SV_USAGE, "launch.disk.twice");
        g.disks[1].readonly = true;
        FAILS(sv_launch_check_apart(&g, 1, &err), SV_USAGE, "launch.disk.twice");
        g.disks[0].readonly = true;
        OK(sv_launch_check_apart(&g, 1, &err));
        g.disks[1] = (struct sv_disk){.path = third};
        OK(sv_launch_check_apart(&g, 1, &err)); /* what is not there is said elsewhere */
        unlink(other);
        remove(path);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(same_blocks), cmocka_unit_test(what_sysfs_does_not_know),
                cmocka_unit_test(many_partitions), cmocka_unit_test(twice_in_one_guest)};

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
