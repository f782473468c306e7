/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/freshness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/keyctl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/rd.h"

/* The superblock (btrfs On-disk Format): at 64 KiB, in it the magic with the generation behind it,
 * and the kind of its checksums. */
#define SUPERBLOCK_AT 65536
#define MAGIC_AT      64
#define CSUM_AT       196
#define CSUM_SHA256   2 /* and 3 is BLAKE2b; 0 and 1, CRC-32C and xxHash, can be guessed */

#define TRIES    5
#define PAUSE_MS 2000

/* In the keyring of root's own (keyrings(7)): readable for root, whatever session he is in. */
#define KEY_NAME  "secure-vm:report"
#define KEY_PERMS 0x3f0b0000u /* whoever possesses it: everything; root: view, read, search */

int sv_freshness_read(const char *opened, uint64_t *generation, struct sv_err *err)
{
        SV_FD fd = open(opened, O_RDONLY | O_CLOEXEC);
        uint8_t head[CSUM_AT + 2];
        ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), SUPERBLOCK_AT);
        struct sv_rd r = sv_rd(sv_bytes(head + MAGIC_AT, 16));
        struct sv_rd csum = sv_rd(sv_bytes(head + CSUM_AT, 2));
        struct sv_bytes magic;

        if (n < 0)
                return sv_fail_errno(err, "agent.disk", "cannot read the opened disk");
        magic = sv_rd_bytes(&r, 8);
        if (n != sizeof(head) || !sv_bytes_eq(magic, sv_bytes_str("_BHRfS_M")))
                return sv_fail(err, SV_FORMAT, "disk.btrfs",
                               "there is no btrfs on the disk, which securevm.root says it has");
        if (sv_rd_u16le(&csum) < CSUM_SHA256)
                return sv_fail(err, SV_FORMAT, "disk.btrfs",
                               "the btrfs on the disk has checksums that can be guessed: expected "
                               "sha256 or blake2 (mkfs.btrfs --csum sha256)");
        *generation = sv_rd_u64le(&r);
        return 0;
}

static void pause_ms(unsigned ms)
{
        nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

int sv_freshness_confirm(struct sv_kbs_client *client, const char *resource,
                         struct sv_secret *report_key, const struct sv_disk_report *report,
                         struct sv_err *err)
{
        SV_BUF body = SV_BUF_NULL;

        if (sv_disk_report_write(report_key, resource, report, &body, err) < 0)
                return -1;
        for (int failures = 0;;) {
                if (sv_kbs_report(client, resource, sv_buf_bytes(&body), err) == 0)
                        return 0;
                if (!sv_kbs_retryable(client) || ++failures == TRIES)
                        return -1;
                pause_ms(PAUSE_MS);
        }
}

int sv_freshness_claim(struct sv_kbs_client *client, const char *resource,
                       struct sv_secret *report_key, const struct sv_disk_report *report,
                       sv_retry_log *retry, struct sv_err *err)
{
        for (unsigned tries = 1;; tries++) {
                struct sv_err refused = SV_ERR_NULL;

                if (sv_freshness_confirm(client, resource, report_key, report, &refused) == 0)
                        return 0;
                if (strcmp(refused.check, "disk.in-use") || tries == SV_LEASE_TRIES) {
                        *err = refused;
                        return -1;
                }
                retry("open", &refused, SV_LEASE_PAUSE_MS, tries + 1, SV_LEASE_TRIES);
                pause_ms(SV_LEASE_PAUSE_MS);
        }
}

/* A descriptor of the file system at `where`, and what it says of itself; -1. */
static int open_btrfs(const char *where, struct btrfs_ioctl_fs_info_args *info, struct sv_err *err)
{
        SV_FD fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int opened = fd;

        *info = (struct btrfs_ioctl_fs_info_args){.flags = BTRFS_FS_INFO_FLAG_GENERATION};
        if (fd < 0)
                return sv_fail_errno(err, "disk.btrfs", "cannot open %s", where);
        if (ioctl(fd, BTRFS_IOC_FS_INFO, info) < 0)
                return sv_fail_errno(err, "disk.btrfs", "cannot ask the file system at %s", where);
        fd = -1;
        return opened;
}

int sv_freshness_mounted(const char *where, uint64_t generation, uint8_t fsid[SV_FSID_SIZE],
                         struct sv_err *err)
{
        struct btrfs_ioctl_fs_info_args info;
        SV_FD fd = open_btrfs(where, &info, err);

        if (fd < 0)
                return -1;
        if (!(info.flags & BTRFS_FS_INFO_FLAG_GENERATION))
                return sv_fail(err, SV_SYSTEM, "disk.btrfs",
                               "this kernel does not say at which generation a btrfs is: expected "
                               "Linux 5.10 or later");
        if (info.generation < generation)
                return sv_fail(err, SV_PROOF, "disk.rollback",
                               "the disk was at generation %llu when it was looked at and at %llu "
                               "when it was mounted: somebody exchanged it",
                               (unsigned long long)generation, (unsigned long long)info.generation);
        memcpy(fsid, info.fsid, SV_FSID_SIZE);
        return 0;
}

/* Without a running commit the kernel gives the last one's number: what is waited for is on the
 * medium either way. Nothing is read from the disk for it. */
int sv_freshness_sync(const char *where, const uint8_t fsid[SV_FSID_SIZE], uint64_t *generation,
                      struct sv_err *err)
{
        struct btrfs_ioctl_fs_info_args info;
        SV_FD fd = open_btrfs(where, &info, err);
        __u64 id = 0;

        if (fd < 0)
                return -1;
        if (!sv_bytes_eq(sv_bytes(info.fsid, SV_FSID_SIZE), sv_bytes(fsid, SV_FSID_SIZE)))
                return sv_fail(err, SV_USAGE, "disk.other",
                               "%s is not the disk that the agent opened: run this where that is "
                               "the root file system, not in a container of its own",
                               where);
        if (ioctl(fd, BTRFS_IOC_START_SYNC, &id) < 0 || ioctl(fd, BTRFS_IOC_WAIT_SYNC, &id) < 0)
                return sv_fail_errno(err, "disk.btrfs", "cannot commit the btrfs at %s", where);
        *generation = id;
        return 0;
}

struct kept {
        uint8_t header[48], instance[SV_INSTANCE_SIZE], fsid[SV_FSID_SIZE];
        uint8_t key[SV_REPORT_KEY_SIZE];
};

int sv_freshness_keep(const struct sv_disk_report *report, const uint8_t fsid[SV_FSID_SIZE],
                      struct sv_secret *report_key, struct sv_err *err)
{
        SV_SECRET *room = sv_secret_new(sizeof(struct kept), err);
        struct kept *k = room ? (struct kept *)sv_secret_reveal(room) : NULL;
        long id;

        if (!k)
                return -1;
        memcpy(k->header, report->header, sizeof(k->header));
        memcpy(k->instance, report->instance, sizeof(k->instance));
        memcpy(k->fsid, fsid, sizeof(k->fsid));
        memcpy(k->key, sv_secret_reveal(report_key), sizeof(k->key));
        id = syscall(SYS_add_key, "user", KEY_NAME, k, sizeof(*k), KEY_SPEC_USER_KEYRING);
        if (id < 0 || syscall(SYS_keyctl, KEYCTL_SETPERM, id, KEY_PERMS) < 0)
                return sv_fail_errno(err, "disk.keyring",
                                     "cannot keep the key of later reports in the kernel");
        return 0;
}

int sv_freshness_find(struct sv_disk_report *report, uint8_t fsid[SV_FSID_SIZE],
                      struct sv_secret **report_key, struct sv_err *err)
{
        SV_SECRET *room = sv_secret_new(sizeof(struct kept), err);
        struct kept *k = room ? (struct kept *)sv_secret_reveal(room) : NULL;
        long id, n;

        if (!k)
                return -1;
        id = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", KEY_NAME, 0);
        n = id < 0 ? -1 : syscall(SYS_keyctl, KEYCTL_READ, id, k, sizeof(*k));
        if (n != (long)sizeof(*k))
                return sv_fail(err, SV_USAGE, "disk.keyring",
                               "this machine has no disk whose state is reported: its root is not "
                               "a btrfs with authentication tags that the agent has opened, or "
                               "this is not root");
        memcpy(report->header, k->header, sizeof(k->header));
        memcpy(report->instance, k->instance, sizeof(k->instance));
        memcpy(fsid, k->fsid, sizeof(k->fsid));
        *report_key = sv_secret_copy(sv_bytes(k->key, sizeof(k->key)), err);
        return *report_key ? 0 : -1;
}
