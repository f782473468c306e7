/* SPDX-License-Identifier: Apache-2.0 */
#include "image/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/bytes.h"
#include "base/core/file.h"
#include "base/core/encoding.h"
#include "base/crypto/crypto.h"

static int fail_exists(const char *path, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "image.exists",
                       "%s is there already: remove it, or give --replace to give it up", path);
}

int sv_output_check(const char *path, bool replace, char **resolved, struct sv_err *err)
{
        struct stat st;

        if (lstat(path, &st) < 0) {
                if (errno != ENOENT)
                        return sv_fail_errno(err, "image.out", "cannot look at %s", path);
                *resolved = sv_asprintf("%s", path);
                return 0;
        }
        *resolved = realpath(path, NULL);
        if (!*resolved || stat(*resolved, &st) < 0)
                return sv_fail_errno(err, "image.out", "cannot look at %s", path);
        if (!S_ISREG(st.st_mode))
                return sv_fail(err, SV_USAGE, "image.out",
                               "%s is there and is no regular file: give another name", path);
        return replace ? 0 : fail_exists(path, err);
}

int sv_output_open(const char *path, struct sv_output *out, struct sv_err *err)
{
        struct sv_output o = {.path = sv_asprintf("%s", path)};
        SV_STR folder = sv_path_folder(path);

        o.fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (o.fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
                o.temp = sv_asprintf("%s.new.XXXXXX", path);
                o.fd = mkostemp(o.temp, O_CLOEXEC);
        }
        if (o.fd < 0) {
                sv_fail_errno(err, "image.out", "cannot make a file beside %s", path);
                free(o.temp);
                free(o.path);
                return -1;
        }
        *out = o;
        return 0;
}

int sv_output_sync(struct sv_output *o, struct sv_err *err)
{
        return fsync(o->fd) < 0 ? sv_fail_errno(err, "image.out", "cannot sync %s", o->path) : 0;
}

/* linkat never replaces. */
static int link_to(const struct sv_output *o, const char *name)
{
        SV_STR self = sv_asprintf("/proc/self/fd/%d", o->fd);

        return o->temp ? link(o->temp, name)
                       : linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

/* A rename does replace, and needs a name to begin with. */
static int name_temp(struct sv_output *o, struct sv_err *err)
{
        uint8_t random[8];
        char hex[17];

        if (sv_random(random, sizeof(random), err) < 0)
                return -1;
        o->temp = sv_asprintf("%s.new.%s", o->path, sv_hex(sv_bytes(random, sizeof(random)), hex));
        SV_STR self = sv_asprintf("/proc/self/fd/%d", o->fd);

        if (linkat(AT_FDCWD, self, AT_FDCWD, o->temp, AT_SYMLINK_FOLLOW) == 0)
                return 0;
        sv_fail_errno(err, "image.out", "cannot name the image %s", o->temp);
        free(o->temp);
        o->temp = NULL;
        return -1;
}

static int rename_over(struct sv_output *o, struct sv_err *err)
{
        if (!o->temp && name_temp(o, err) < 0)
                return -1;
        if (rename(o->temp, o->path) < 0)
                return sv_fail_errno(err, "image.out", "cannot rename the image to %s", o->path);
        free(o->temp);
        o->temp = NULL;
        return 0;
}

int sv_output_publish(struct sv_output *o, bool replace, struct sv_err *err)
{
        if (replace)
                return rename_over(o, err);
        if (link_to(o, o->path) == 0)
                return 0;
        return errno == EEXIST
                       ? fail_exists(o->path, err)
                       : sv_fail_errno(err, "image.out", "cannot name the image %s", o->path);
}

int sv_output_sync_name(const struct sv_output *o, struct sv_err *err)
{
        if (sv_folder_sync(o->path) < 0)
                return sv_fail_errno(err, "image.out", "cannot sync the folder of %s", o->path);
        return 0;
}

void sv_output_close(struct sv_output *o)
{
        if (!o->path)
                return;
        close(o->fd);
        if (o->temp)
                unlink(o->temp);
        free(o->temp);
        free(o->path);
        *o = (struct sv_output){.fd = -1};
}

int sv_disk_lock_open(int fd, const char *path, struct sv_err *err)
{
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
                return 0;
        if (errno != EAGAIN && errno != EACCES)
                return sv_fail_errno(err, "image.disk", "cannot lock %s", path);
        return sv_fail(err, SV_USAGE, "image.busy",
                       "%s is open in a running guest (or another secure-vm works on it): "
                       "stop that first",
                       path);
}

int sv_disk_lock(const char *path, int *fd, struct sv_err *err)
{
        SV_FD file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

        if (file < 0)
                return sv_fail_errno(err, "image.disk", "cannot open %s", path);
        if (sv_disk_lock_open(file, path, err) < 0)
                return -1;
        *fd = file;
        file = -1;
        return 0;
}
