/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/check-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/device.h"
#include "launcher/keeper/owner.h"

static bool has_magic(const char *head, const char *magic)
{
        return !strncmp(head, magic, strlen(magic));
}

/* Only of what the agent opens: on other disks a guest may write what it likes. */
static int check_format(const struct sv_disk *d, int fd, struct sv_err *err)
{
        static const struct {
                const char *magic, *name;
        } images[] = {
                {"QFI\xfb", "qcow2"}, {"KDMV", "VMDK"},    {"# Disk Descriptor", "VMDK"},
                {"vhdxfile", "VHDX"}, {"conectix", "VHD"},
        };
        char head[512] = {0};

        if (!d->encrypted && !d->verity)
                return 0;
        if (pread(fd, head, sizeof(head), 0) < 0)
                return sv_fail_errno(err, "launch.disk", "%s", d->path);
        for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++)
                if (has_magic(head, images[i].magic))
                        return sv_fail(err, SV_USAGE, "launch.disk.format",
                                       "%s: a raw image was expected, found %s; \"qemu-img convert "
                                       "-O raw\" makes one of it",
                                       d->path, images[i].name);
        if (d->encrypted && !has_magic(head, "LUKS\xba\xbe"))
                return sv_fail(
                        err, SV_USAGE, "launch.disk.format",
                        "%s: an encrypted disk was expected, found no LUKS header; \"secure-vm "
                        "image encrypt\" makes one, \"encrypted\": false says that it is none",
                        d->path);
        return 0;
}

/* QEMU says what it does with an image by locking bytes of it (block/file-posix.c): 100 and its
 * permission's number for what it does, 200 and that for what it lets nobody else do. */
#define QEMU_WRITES 101
#define QEMU_ALONE  201

static bool is_byte_locked(int fd, off_t at)
{
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

        return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static int refuse_shared_disk(const struct sv_disk *d, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "launch.disk.busy",
                       "%s (\"disks\" in the guest file) is the disk of a guest that runs; two "
                       "users would destroy what is on it",
                       d->path);
}

static int check_other_qemu(const struct sv_disk *d, int fd, struct sv_err *err)
{
        struct stat st;

        if (is_byte_locked(fd, QEMU_WRITES) || (!d->readonly && is_byte_locked(fd, QEMU_ALONE)))
                return refuse_shared_disk(d, err);
        /* another node of the same device has locks of its own */
        if (fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) &&
            sv_device_has_qemu(st.st_rdev, !d->readonly))
                return refuse_shared_disk(d, err);
        return 0;
}

static int lock_byte(int fd, off_t at)
{
        struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

        return fcntl(fd, F_OFD_SETLK, &lock);
}

int sv_launch_hold_disk(const struct sv_disk *d, int fd, struct sv_err *err)
{
        if (lock_byte(fd, QEMU_ALONE) < 0 || (!d->readonly && lock_byte(fd, QEMU_WRITES) < 0))
                return errno == EAGAIN || errno == EACCES
                               ? refuse_shared_disk(d, err)
                               : sv_fail_errno(err, "launch.disk", "%s", d->path);
        /* after the lock, so that of two at once not both go on */
        return check_other_qemu(d, fd, err);
}

/* Its blocks; false: it cannot be opened, or is an image that is connected later. */
static bool look_at_disk(const struct sv_guest *g, const struct sv_disk *d, struct stat *st)
{
        SV_FD fd = d->nvme.subsystem ? -1 : sv_owner_open(g, d->path, O_RDONLY | O_NONBLOCK);

        return fd >= 0 && fstat(fd, st) == 0;
}

static bool are_same_blocks(const struct stat *a, const struct stat *b)
{
        if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
                return sv_device_overlaps(a->st_rdev, b->st_rdev);
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int sv_launch_check_apart(const struct sv_guest *g, size_t n, struct sv_err *err)
{
        const struct sv_disk *d = &g->disks[n];
        struct stat st, other;

        if (!look_at_disk(g, d, &st))
                return 0;
        for (size_t i = 0; i < n; i++)
                if (!(d->readonly && g->disks[i].readonly) &&
                    look_at_disk(g, &g->disks[i], &other) && are_same_blocks(&st, &other))
                        return sv_fail(err, SV_USAGE, "launch.disk.twice",
                                       "%s (\"disks\" in the guest file) is a disk of this guest "
                                       "already, in part or whole, as %s: a guest that writes to "
                                       "one would destroy what is on the other",
                                       d->path, g->disks[i].path);
        return 0;
}

int sv_launch_check_disk(const struct sv_guest *g, const struct sv_disk *d, bool own,
                         struct sv_err *err)
{
        int fds[2] = {-1, -1}, r;
        SV_FD look = -1;

        if (sv_disk_open(g, d, fds, err) < 0)
                return -1;
        sv_closep(&fds[0]);
        sv_closep(&fds[1]);
        /* a descriptor without O_DIRECT, whose reads need not be aligned */
        look = sv_owner_open(g, d->path, O_RDONLY | O_NONBLOCK);
        if (look < 0)
                return sv_fail_errno(err, "launch.disk", "%s", d->path);
        r = own ? 0 : check_other_qemu(d, look, err);
        return r < 0 ? -1 : check_format(d, look, err);
}
