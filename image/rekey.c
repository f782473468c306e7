/* SPDX-License-Identifier: Apache-2.0 */
#include "image/rekey.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/copy.h"
#include "image/output.h"
#include "image/run.h"
#include "luks/header.h"
#include "luks/rekey.h"

static int fail_copy(struct sv_err *err)
{
        return sv_fail_errno(err, "image.copy", "cannot copy the disk");
}

static int copy_disk(int from, int to, const struct stat *st, struct sv_err *err)
{
        if (sv_copy_data(from, to, st->st_size, NULL, err) < 0)
                return -1;
        if ((st->st_uid != geteuid() || st->st_gid != getegid()) &&
            fchown(to, st->st_uid, st->st_gid) < 0)
                return sv_fail_errno(err, "image.copy", "cannot give the copy to the disk's owner");
        if (fchmod(to, st->st_mode & 07777) < 0)
                return sv_fail_errno(err, "image.copy", "cannot set the mode of the copy");
        return 0;
}

static int read_head_at(int fd, size_t size, struct sv_buf *head, struct sv_err *err)
{
        uint8_t *p = sv_buf_grow(head, size);
        ssize_t n;

        if (sv_buf_ok(head, "the disk's header", err) < 0)
                return -1;
        n = pread(fd, p, size, 0);
        if (n < 0)
                return sv_fail_errno(err, "image.disk", "cannot read the disk");
        head->n = (size_t)n;
        return 0;
}

/* Nothing of the older key slot stays behind the new header. */
static int write_head(int fd, struct sv_bytes made, struct sv_err *err)
{
        SV_BUF all = SV_BUF_NULL;
        uint8_t *p = sv_buf_grow(&all, SV_LUKS_HEAD_SIZE);

        if (sv_buf_ok(&all, "the new header", err) < 0)
                return -1;
        if (made.n > SV_LUKS_HEAD_SIZE)
                return sv_fail(err, SV_FORMAT, "luks.header.area", "the new header is too long");
        memset(p, 0, SV_LUKS_HEAD_SIZE);
        memcpy(p, made.p, made.n);
        return pwrite(fd, p, SV_LUKS_HEAD_SIZE, 0) == SV_LUKS_HEAD_SIZE ? 0 : fail_copy(err);
}

/* The copy gets the new header, then the disk's name. */
static int exchange_disk(const struct sv_rekey_in *in, struct sv_output *o, struct sv_bytes head,
                         struct sv_binding *now, struct sv_err *err)
{
        SV_BUF made = SV_BUF_NULL;

        if (sv_run_interrupted())
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        if (in->exchange(in->arg, head, &made, err) < 0)
                return -1;
        if (sv_luks_same_volume(head, sv_buf_bytes(&made), err) < 0)
                return -1;
        if (sv_binding_of(sv_buf_bytes(&made), now, err) < 0)
                return -1;
        if (write_head(o->fd, sv_buf_bytes(&made), err) < 0)
                return -1;
        if (sv_output_sync(o, err) < 0)
                return -1;
        if (sv_output_publish(o, true, err) < 0)
                return -1;
        return sv_output_sync_name(o, err);
}

/* Another name of the same file would go on leading to the old disk. */
static int check_disk(int fd, const char *path, struct stat *st, struct sv_err *err)
{
        if (fstat(fd, st) < 0)
                return sv_fail_errno(err, "image.disk", "cannot look at %s", path);
        if (!S_ISREG(st->st_mode) || st->st_nlink != 1)
                return sv_fail(err, SV_USAGE, "image.disk",
                               "%s is not a regular file with this one name: expected a disk that "
                               "\"image encrypt\" made",
                               path);
        return 0;
}

int sv_rekey(const struct sv_rekey_in *in, char uuid[37], struct sv_err *err)
{
        SV_STR path = realpath(in->disk, NULL);
        SV_OUTPUT o = {.fd = -1};
        SV_BUF head = SV_BUF_NULL;
        struct sv_binding found, now;
        SV_FD disk = -1;
        struct stat st;

        if (!path)
                return sv_fail_errno(err, "image.disk", "cannot find %s", in->disk);
        if (sv_disk_lock(path, &disk, err) < 0 || check_disk(disk, path, &st, err) < 0)
                return -1;
        if (read_head_at(disk, SV_LUKS_HEAD_SIZE, &head, err) < 0 ||
            sv_binding_of(sv_buf_bytes(&head), &found, err) < 0)
                return -1;
        if (in->prepare(in->arg, &found, err) < 0)
                return -1;
        sv_run_catch_signals();
        if (sv_output_open(path, &o, err) < 0 || copy_disk(disk, o.fd, &st, err) < 0)
                return -1;
        if (exchange_disk(in, &o, sv_buf_bytes(&head), &now, err) < 0)
                return -1;
        in->settle(in->arg, &now);
        memcpy(uuid, now.uuid, sizeof(now.uuid));
        return 0;
}
