/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/grow-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "luks/header.h"

const struct sv_json *sv_grow_find(const struct sv_json *status, const char *id)
{
        const struct sv_json *disks = sv_json_get(status, "disks");

        for (size_t i = 0; i < sv_json_len(disks); i++)
                if (!strcmp(sv_json_text(sv_json_at(disks, i), "id", ""), id))
                        return sv_json_at(disks, i);
        return NULL;
}

/* The tags of every block lie between the blocks, for as many as there were when it was made. */
static int check_tags(int fd, const char *id, struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;
        uint8_t *p = sv_buf_grow(&head, SV_LUKS_HEAD_SIZE);
        struct sv_luks_header h;

        if (!p || pread(fd, p, SV_LUKS_HEAD_SIZE, 0) != (ssize_t)SV_LUKS_HEAD_SIZE)
                return sv_fail_errno(err, "resize.unseen", "the beginning of disk %s", id);
        if (sv_luks_header_parse(sv_buf_bytes(&head), &h, err) < 0)
                return sv_wrap(err, "whether disk %s can grow", id);
        if (!h.integrity)
                return 0;
        return sv_fail(err, SV_USAGE, "resize.tags",
                       "disk %s has a tag for each block, laid out for the size it was made with, "
                       "and the agent takes it at no other (disk.size): \"secure-vm image encrypt "
                       "--integrity --size\" makes a larger one, into which the system is copied",
                       id);
}

/* What it may still take when every block of it is written must be there. */
static int check_disk_room(int fd, const char *id, uint64_t bytes, struct sv_err *err)
{
        char wanted[32], has[32];
        struct statvfs room;
        struct stat st;
        uint64_t taken, left;

        if (fstat(fd, &st) < 0 || fstatvfs(fd, &room) < 0)
                return sv_fail_errno(err, "resize.unseen", "the file of disk %s", id);
        if (!S_ISREG(st.st_mode))
                return 0; /* a device has its size: QEMU says when it is too small */
        taken = (uint64_t)st.st_blocks * 512;
        left = (uint64_t)room.f_bavail * room.f_frsize;
        if (bytes <= taken || bytes - taken <= left)
                return 0;
        return sv_fail(err, SV_SYSTEM, "resize.room",
                       "disk %s would need %s more when it is full, and its file system has %s: "
                       "the guest would stop in the middle of a write",
                       id, sv_format_size(bytes - taken, wanted), sv_format_size(left, has));
}

static int check_disk_file(const struct sv_json *disk, const char *id, uint64_t bytes,
                           struct sv_err *err)
{
        const char *path = sv_json_text(disk, "path", "");
        bool encrypted = sv_json_bool(sv_json_get(disk, "encrypted"), false);
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0)
                return sv_fail_errno(err, "resize.unseen",
                                     "disk %s, of which it must be known whether it can grow: %s",
                                     id, path);
        if (encrypted && check_tags(fd, id, err) < 0)
                return -1;
        return check_disk_room(fd, id, bytes, err);
}

int sv_grow_check(const struct sv_json *disk, bool here, uint64_t bytes, struct sv_err *err)
{
        const char *id = sv_json_text(disk, "id", "");

        if (sv_json_bool(sv_json_get(disk, "verity"), false))
                return sv_fail(err, SV_USAGE, "resize.verity",
                               "every block of disk %s lies below a root hash that is measured, "
                               "and there are no others: \"secure-vm image verity\" makes a larger "
                               "one, \"secure-vm update\" starts the guest from it",
                               id);
        if (sv_json_bool(sv_json_get(disk, "readonly"), false))
                return sv_fail(err, SV_USAGE, "resize.readonly",
                               "disk %s is read only: the guest could not use more of it", id);
        if (here)
                return check_disk_file(disk, id, bytes, err);
        if (!sv_json_bool(sv_json_get(disk, "encrypted"), false))
                return 0;
        return sv_fail(err, SV_SYSTEM, "resize.unseen",
                       "disk %s lies on another host, and its header says whether it can grow: "
                       "give the command there",
                       id);
}

char *sv_grow_advice(const char *name, const struct sv_json *status, const struct sv_json *disk)
{
        const struct sv_json *disks = sv_json_get(status, "disks");
        bool verity = false;

        for (size_t i = 0; i < sv_json_len(disks); i++)
                verity |= sv_json_bool(sv_json_get(sv_json_at(disks, i), "verity"), false);
        if (sv_json_bool(sv_json_get(disk, "encrypted"), false))
                return sv_asprintf(
                        "the guest sees the larger disk, its key's mapping grows when it boots: "
                        "\"secure-vm reboot %s\", then inside it \"resize2fs /dev/mapper/%s\" (or "
                        "\"xfs_growfs /\", \"btrfs filesystem resize max /\")",
                        name, verity ? "data" : "root");
        return sv_asprintf("inside the guest \"resize2fs /dev/disk/by-id/virtio-%s\" (or "
                           "\"xfs_growfs\", \"btrfs filesystem resize max\" with where it is "
                           "mounted; \"growpart\" before that when it has partitions)",
                           sv_json_text(disk, "id", ""));
}
