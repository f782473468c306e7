/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/guest-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/log.h"

static int fail_folder_exists(const char *path, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "image.exists",
                       "%s is there already: remove it, or give another --out", path);
}

int sv_guest_folder_make(const char *path, struct sv_guest_folder *out, struct sv_err *err)
{
        size_t n = strlen(path);
        struct stat st;

        while (n > 1 && path[n - 1] == '/')
                n--;
        struct sv_guest_folder f = {.path = sv_asprintf("%.*s", (int)n, path)};
        SV_STR parent = sv_path_folder(f.path);
        int r = lstat(f.path, &st) == 0 ? fail_folder_exists(f.path, err)
                                        : sv_scratch_make(parent, &f.scratch, err);

        if (r < 0) {
                free(f.path);
                return -1;
        }
        *out = f;
        return 0;
}

/* Root's QEMU runs as another user, who must reach the disk. From the rename on the guest is there,
 * and its key must not be taken back any more: what fails behind it is said, and no error. */
int sv_guest_folder_publish(struct sv_guest_folder *f, struct sv_err *err)
{
        if (chmod(f->scratch.dir, 0755) < 0 ||
            renameat2(AT_FDCWD, f->scratch.dir, AT_FDCWD, f->path, RENAME_NOREPLACE) < 0)
                return errno == EEXIST ? fail_folder_exists(f->path, err)
                                       : sv_fail_errno(err, "image.out",
                                                       "cannot name the folder %s", f->path);
        if (sv_folder_sync(f->path) < 0)
                sv_warn("%s is there, but its name may be lost if the host's power fails now: "
                        "cannot sync the folder that it is in: %s",
                        f->path, strerror(errno));
        return 0;
}

void sv_guest_folder_end(struct sv_guest_folder *f)
{
        if (!f->path)
                return;
        sv_scratch_remove(&f->scratch);
        free(f->path);
        *f = (struct sv_guest_folder){0};
}
