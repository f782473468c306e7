/* SPDX-License-Identifier: Apache-2.0 */
#include "image/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/core/file.h"
#include "luks/binding.h"
#include "luks/crypt.h"
#include "luks/header.h"

static int fail_there(const char *path, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "image.recovery",
                       "%s is there already, and may be another disk's key: give another name",
                       path);
}

int sv_recovery_check(const char *path, struct sv_err *err)
{
        return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? fail_there(path, err)
                                                                         : 0;
}

int sv_recovery_write(const char *path, struct sv_secret *key, struct sv_err *err)
{
        SV_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0)
                return errno == EEXIST
                               ? fail_there(path, err)
                               : sv_fail_errno(err, "image.recovery", "cannot make %s", path);
        if (sv_fd_write(fd, path, sv_bytes(sv_secret_reveal(key), sv_secret_size(key)), err) == 0 &&
            fsync(fd) == 0)
                return 0;
        sv_fail_errno(err, "image.recovery", "cannot write %s", path);
        unlink(path);
        return -1;
}

struct sv_secret *sv_recovery_bind(const char *disk, struct sv_secret *key, struct sv_err *err)
{
        SV_FD fd = open(disk, O_RDONLY | O_CLOEXEC);
        SV_BUF head = SV_BUF_NULL;
        uint8_t *p = sv_buf_grow(&head, SV_LUKS_HEAD_SIZE);
        struct sv_binding binding;
        ssize_t n;

        if (sv_buf_ok(&head, "the disk's header", err) < 0)
                return NULL;
        n = fd < 0 ? -1 : pread(fd, p, SV_LUKS_HEAD_SIZE, 0);
        if (n < 0) {
                sv_fail_errno(err, "image.disk", "cannot read %s", disk);
                return NULL;
        }
        if (sv_binding_of(sv_bytes(head.p, (size_t)n), &binding, err) < 0 ||
            sv_luks_try(disk, key, err) < 0)
                return NULL;
        return sv_binding_pack(&binding, key, err);
}
