/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/edits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/root.h"
#include "base/core/file.h"
#include "base/core/guest-root.h"
#include "base/crypto/crypto.h"

#define TEXT_MAX (1u << 20)
#define NEW      ".secure-vm-new"

static int fail_edit(struct sv_err *err, const char *what, const char *name)
{
        return sv_fail_errno(err, "agent.edits", "cannot %s /etc/%s of the root file system", what,
                             name);
}

/* Its label of SELinux among them; what this file system does not take, it had from nowhere. */
static int copy_attributes(int from, int to)
{
        char list[4096], value[4096];
        ssize_t n = flistxattr(from, list, sizeof(list));

        for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1) {
                ssize_t size = fgetxattr(from, list + at, value, sizeof(value));

                if (size >= 0 && fsetxattr(to, list + at, value, (size_t)size, 0) < 0 &&
                    errno != EOPNOTSUPP)
                        return -1;
        }
        return 0;
}

static int write_new(int dir, int old, const char *name, struct sv_bytes text, struct sv_err *err)
{
        SV_FD fd = -1;
        struct stat st;

        unlinkat(dir, NEW, 0); /* of a boot that ended here */
        fd = openat(dir, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || fstat(old, &st) < 0)
                return fail_edit(err, "make a new", name);
        if (sv_fd_write(fd, name, text, err) < 0)
                return -1;
        if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0 ||
            copy_attributes(old, fd) < 0 || fsync(fd) < 0)
                return fail_edit(err, "write the new", name);
        return 0;
}

static int replace_file(int dir, int old, const char *name, struct sv_bytes text,
                        struct sv_err *err)
{
        if (write_new(dir, old, name, text, err) < 0) {
                unlinkat(dir, NEW, 0);
                return -1;
        }
        if (renameat(dir, NEW, dir, name) < 0 || fsync(dir) < 0)
                return fail_edit(err, "replace", name);
        return 0;
}

static int split_edit(const struct sv_buf *edit, struct sv_bytes *digest, struct sv_bytes *text,
                      const char *name, struct sv_err *err)
{
        if (edit->n < 65 || edit->p[64] != '\n')
                return sv_fail(err, SV_SYSTEM, "agent.edits",
                               "the initramfs' new text of /etc/%s does not begin with a digest",
                               name);
        *digest = sv_bytes(edit->p, 64);
        *text = sv_bytes(edit->p + 65, edit->n - 65);
        return 0;
}

static int open_root_etc(const struct sv_machine *m)
{
        const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                                     .resolve = RESOLVE_IN_ROOT};
        SV_STR path = sv_machine_path(m, SV_ROOT);
        SV_FD root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return root < 0 ? -1 : (int)syscall(SYS_openat2, root, "etc", &how, sizeof(how));
}

static int apply_edit(const struct sv_machine *m, const char *name, const struct sv_buf *edit,
                      struct sv_err *err)
{
        SV_FD dir = open_root_etc(m);
        SV_FD old = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        SV_BUF found = SV_BUF_NULL;
        struct sv_bytes digest = SV_BYTES_NULL, text = SV_BYTES_NULL;
        char hex[65];

        if (old < 0)
                return errno == ENOENT ? 0 : fail_edit(err, "open", name);
        if (split_edit(edit, &digest, &text, name, err) < 0 ||
            sv_fd_read(old, name, TEXT_MAX, &found, "agent.edits", err) < 0 ||
            sv_sha256_hex(sv_buf_bytes(&found), hex, err) < 0)
                return -1;
        if (memcmp(hex, digest.p, 64) != 0)
                return 0;
        return replace_file(dir, old, name, text, err);
}

static int link_device(const struct sv_machine *m, const char *device, struct sv_err *err)
{
        SV_STR path = sv_machine_path(m, SV_GUEST_ROOT);

        if (symlink(device, path) < 0 && errno != EEXIST)
                return sv_fail_errno(err, "agent.edits", "cannot make " SV_GUEST_ROOT);
        return 0;
}

int sv_edits_apply(const struct sv_machine *machine, const char *device, struct sv_err *err)
{
        static const char *const names[] = {"crypttab", "fstab"};
        const struct sv_machine *m = sv_machine_of(machine);

        if (link_device(m, device, err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                SV_STR file = sv_asprintf(SV_GUEST_EDITS "/%s", names[i]);
                SV_STR path = sv_machine_path(m, file);
                SV_BUF edit = SV_BUF_NULL;

                if (access(path, F_OK) < 0)
                        continue;
                if (sv_file_read(path, 2 * TEXT_MAX, &edit, "agent.edits", err) < 0 ||
                    apply_edit(m, names[i], &edit, err) < 0)
                        return -1;
        }
        return 0;
}
