/* SPDX-License-Identifier: Apache-2.0 */
/* agent/disk: what a disk with tags is asked before and after it is opened, and what a failure
 * behind it comes from. */
#include "unit.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "agent/disk.h"
#include "agent/freshness.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "luks/crypt.h"
#include "luks/integrity.h"

#define BLOCKS 1000u

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-agent-disk-XXXXXX";
static char *device;

static const struct sv_luks_header tags = {.integrity = true, .data_size = BLOCKS * 4096u};
static const struct sv_luks_header none = {.integrity = false};

static int set_up(void **state)
{
        struct sv_integrity i;
        uint8_t super[SV_INTEGRITY_SUPERBLOCK];
        SV_FD fd = -1;

        if (!mkdtemp(dir))
                return -1;
        device = sv_asprintf("%s/disk", dir);
        sv_integrity_for(BLOCKS, &i);
        sv_integrity_superblock(&i, super);
        fd = open(device, O_RDWR | O_CREAT, 0600);
        return pwrite(fd, super, sizeof(super), SV_LUKS_DATA_OFFSET) == sizeof(super) ? 0 : -1;
}

static int tear_down(void **state)
{
        free(device);
        return sv_remove_tree(dir, &err);
}

static void test_before(void **state)
{
        struct sv_agent_config config = {.n_brokers = 0};
        SV_FD fd = open(device, O_RDWR);

        OK(sv_disk_check(&config, &none, "/nonexistent", &err));
        OK(sv_disk_check(&config, &tags, device, &err));
        FAILS(sv_disk_check(&config, &tags, "/nonexistent", &err), SV_SYSTEM, "agent.disk");
        FAILS(sv_disk_check(&config, &tags, "/dev/null", &err), SV_PROOF, "disk.superblock");
        config.discard = true;
        OK(sv_disk_check(&config, &none, device, &err));
        FAILS(sv_disk_check(&config, &tags, device, &err), SV_USAGE, "disk.discard");
        config.discard = false;
        assert_int_equal(pwrite(fd, "\1", 1, SV_LUKS_DATA_OFFSET + 4095), 1);
        FAILS(sv_disk_check(&config, &tags, device, &err), SV_PROOF, "disk.superblock");
        assert_int_equal(pwrite(fd, "", 1, SV_LUKS_DATA_OFFSET + 4095), 1);
}

static void test_size(void **state)
{
        SV_STR opened = sv_asprintf("%s/opened", dir);
        SV_FD fd = open(opened, O_RDWR | O_CREAT, 0600);

        OK(sv_disk_check_size(&none, "/nonexistent", &err));
        FAILS(sv_disk_check_size(&tags, "/nonexistent", &err), SV_SYSTEM, "agent.disk");
        for (int i = -1; i <= 1; i++) {
                assert_int_equal(ftruncate(fd, ((int)BLOCKS + i) * 4096), 0);
                if (i == 0)
                        OK(sv_disk_check_size(&tags, opened, &err));
                else
                        FAILS(sv_disk_check_size(&tags, opened, &err), SV_PROOF, "disk.size");
        }
}

static void write_log(const char *log)
{
        SV_STR dev = sv_asprintf("%s/dev", dir);
        SV_STR kmsg = sv_asprintf("%s/dev/kmsg", dir);

        sv_mkdirs(dev, 0755, NULL);
        OK(sv_file_write(kmsg, 0600, sv_bytes_str(log), &err));
        sv_fail(&err, SV_SYSTEM, "agent.root", "cannot mount the root file system");
}

static void explain(const char *log, const struct sv_luks_header *h)
{
        write_log(log);
        sv_disk_explain(&(struct sv_machine){.files = dir}, h, &err);
}

static void test_cause(void **state)
{
        static const char bad[] = "4,1,2,-;EXT4-fs: something\n"
                                  "3,9,8,-;device-mapper: crypt: dm-1: INTEGRITY AEAD ERROR, "
                                  "sector 17328\n";

        explain("4,1,2,-;EXT4-fs: something else\n", &tags);
        assert_string_equal(err.check, "agent.root");
        explain(bad, &none);
        assert_string_equal(err.check, "agent.root");
        explain(bad, &tags);
        assert_string_equal(err.check, "disk.block");
        assert_int_equal(err.class, SV_PROOF);
        assert_non_null(strstr(err.msg, "sector 17328"));
        assert_non_null(strstr(err.msg, "cannot mount"));
}

static void test_tree(void **state)
{
        static const char old[] = "3,9,8,-;BTRFS error (device dm-1): parent transid verify failed "
                                  "on logical 1064960 mirror 1 wanted 9 found 5\n";
        const struct sv_machine machine = {.files = dir};

        write_log("3,9,8,-;BTRFS error (device dm-1): unrecognized mount option 'x'\n");
        sv_disk_explain_tree(&machine, &err);
        assert_string_equal(err.check, "agent.root");
        write_log(old);
        sv_disk_explain_tree(&machine, &err);
        assert_string_equal(err.check, "disk.tree");
        assert_int_equal(err.class, SV_PROOF);
        assert_non_null(strstr(err.msg, "wanted 9 found 5"));
        assert_non_null(strstr(err.msg, "cannot mount"));
        /* a cause that is known already stays */
        sv_fail(&err, SV_PROOF, "disk.block", "a block without its tag");
        sv_disk_explain_tree(&machine, &err);
        assert_string_equal(err.check, "disk.block");
}

static void test_limits(void **state)
{
        assert_non_null(strstr(sv_disk_limits(&none, false), "encrypted only"));
        assert_non_null(strstr(sv_disk_limits(&tags, false), "older blocks"));
        assert_non_null(strstr(sv_disk_limits(&tags, true), "last report"));
}

static void test_generation(void **state)
{
        SV_STR opened = sv_asprintf("%s/btrfs", dir);
        SV_FD fd = open(opened, O_RDWR | O_CREAT, 0600);
        uint64_t generation = 0;

        FAILS(sv_freshness_read("/nonexistent", &generation, &err), SV_SYSTEM, "agent.disk");
        FAILS(sv_freshness_read(opened, &generation, &err), SV_FORMAT, "disk.btrfs");
        assert_int_equal(pwrite(fd, "_BHRfS_M\x34\x12\0\0\0\0\0\1", 16, 65536 + 64), 16);
        for (char csum = 0; csum < 2; csum++) {
                assert_int_equal(pwrite(fd, &csum, 1, 65536 + 196), 1);
                assert_int_equal(ftruncate(fd, 1u << 17), 0);
                FAILS(sv_freshness_read(opened, &generation, &err), SV_FORMAT, "disk.btrfs");
                assert_non_null(strstr(err.msg, "guessed"));
        }
        assert_int_equal(pwrite(fd, "\2", 1, 65536 + 196), 1);
        OK(sv_freshness_read(opened, &generation, &err));
        assert_int_equal(generation, 0x0100000000001234ull);
        assert_int_equal(ftruncate(fd, 65536 + 197), 0);
        FAILS(sv_freshness_read(opened, &generation, &err), SV_FORMAT, "disk.btrfs");
        assert_int_equal(pwrite(fd, "\0_bHRfS_M", 9, 65536 + 63), 9);
        assert_int_equal(ftruncate(fd, 1u << 17), 0);
        FAILS(sv_freshness_read(opened, &generation, &err), SV_FORMAT, "disk.btrfs");
}

/* What the kernel says of a btrfs; this machine may have none. */
static const struct btrfs_ioctl_fs_info_args *btrfs;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
        va_list args;
        void *arg;

        va_start(args, request);
        arg = va_arg(args, void *);
        va_end(args);
        if (!btrfs)
                return __real_ioctl(fd, request, arg);
        if (request == BTRFS_IOC_FS_INFO)
                memcpy(arg, btrfs, sizeof(*btrfs));
        if (request == BTRFS_IOC_START_SYNC)
                *(__u64 *)arg = btrfs->generation;
        return 0;
}

/* Of the disk that was mounted only, and not older than it was looked at. */
static void test_same_disk(void **state)
{
        struct btrfs_ioctl_fs_info_args info = {.flags = BTRFS_FS_INFO_FLAG_GENERATION,
                                                .generation = 12,
                                                .fsid = "0123456789abcde"};
        uint8_t fsid[SV_FSID_SIZE] = {0}, other[SV_FSID_SIZE] = "0123456789abcdf";
        uint64_t generation = 0;

        btrfs = &info;
        FAILS(sv_freshness_mounted("/", 13, fsid, &err), SV_PROOF, "disk.rollback");
        OK(sv_freshness_mounted("/", 12, fsid, &err));
        assert_memory_equal(fsid, info.fsid, sizeof(fsid));
        OK(sv_freshness_sync("/", fsid, &generation, &err));
        assert_true(generation == 12);
        generation = 0;
        FAILS(sv_freshness_sync("/", other, &generation, &err), SV_USAGE, "disk.other");
        assert_true(generation == 0);
        btrfs = NULL;
}

/* Here is no such file system, and no unlock was before. */
static void test_elsewhere(void **state)
{
        uint8_t fsid[SV_FSID_SIZE] = {0};
        struct sv_secret *key = NULL;
        struct sv_disk_report report;
        uint64_t generation;

        FAILS(sv_freshness_mounted("/proc", 1, fsid, &err), SV_SYSTEM, "disk.btrfs");
        FAILS(sv_freshness_mounted("/nonexistent", 1, fsid, &err), SV_SYSTEM, "disk.btrfs");
        FAILS(sv_freshness_sync("/proc", fsid, &generation, &err), SV_SYSTEM, "disk.btrfs");
        FAILS(sv_freshness_find(&report, fsid, &key, &err), SV_USAGE, "disk.keyring");
        assert_null(key);
}

/* The broker refuses so many times, with this check. */
static unsigned refusals, asked, slept, told;
static const char *refusal;

int __wrap_sv_kbs_report(struct sv_kbs_client *c, const char *path, struct sv_bytes report,
                         struct sv_err *e);
int __wrap_sv_kbs_report(struct sv_kbs_client *c, const char *path, struct sv_bytes report,
                         struct sv_err *e)
{
        if (asked++ < refusals)
                return sv_fail(e, SV_PROOF, refusal, "refused by the broker");
        return 0;
}

int __wrap_nanosleep(const struct timespec *t, struct timespec *left);
int __wrap_nanosleep(const struct timespec *t, struct timespec *left)
{
        slept += (unsigned)t->tv_sec;
        return 0;
}

static void note_retry(const char *step, const struct sv_err *why, unsigned in_ms, unsigned try,
                       unsigned tries)
{
        assert_string_equal(why->check, "disk.in-use");
        told++;
}

static int claim(unsigned n, const char *check)
{
        SV_SECRET *key = sv_secret_random(SV_REPORT_KEY_SIZE, &err);
        SV_KBS_CLIENT *client = NULL;
        const struct sv_disk_report report = {.generation = 1};

        refusals = n;
        refusal = check;
        asked = slept = told = 0;
        OK(sv_kbs_client_new("http://127.0.0.1:1", NULL, &client, &err));
        return sv_freshness_claim(client, "a/b/c", key, &report, note_retry, &err);
}

/* The disk of another instance is waited for, longer than a lease lasts, and not for ever. */
static void test_waits(void **state)
{
        OK(claim(0, "disk.in-use"));
        assert_true(slept == 0 && told == 0);
        OK(claim(3, "disk.in-use"));
        assert_true(asked == 4 && told == 3 && slept == 30);
        FAILS(claim(2 * SV_LEASE_TRIES, "disk.in-use"), SV_PROOF, "disk.in-use");
        assert_true(asked == SV_LEASE_TRIES && slept >= SV_LEASE_S && slept <= 2 * SV_LEASE_S);
        FAILS(claim(1, "disk.rollback"), SV_PROOF, "disk.rollback");
        assert_true(asked == 1 && slept == 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_before),    cmocka_unit_test(test_size),
                cmocka_unit_test(test_cause),     cmocka_unit_test(test_tree),
                cmocka_unit_test(test_limits),    cmocka_unit_test(test_generation),
                cmocka_unit_test(test_same_disk), cmocka_unit_test(test_elsewhere),
                cmocka_unit_test(test_waits),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
