/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/core/file.h"

#define CHECK "launch.folder"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000 /* Linux 5.14; older headers do not name it */
#endif

bool sv_folder_enclose(const char *dir)
{
        struct mount_attr set = {.attr_set = MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_NODEV |
                                             MOUNT_ATTR_NOSUID};

        if (unshare(CLONE_NEWNS) < 0)
                return false;
        /* What the host mounts later is seen here, what is mounted here not there. */
        return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
               mount(dir, dir, NULL, MS_BIND, NULL) == 0 &&
               syscall(SYS_mount_setattr, AT_FDCWD, dir, 0, &set, sizeof(set)) == 0;
}

/* Who has the group passes through, and only root changes what is in it. */
static int close_folder(int fd, const struct sv_ids *ids)
{
        return fchown(fd, 0, ids->group) < 0 ? -1 : fchmod(fd, 0710);
}

static int close_folders(int at, const char *name, const struct sv_ids *ids);

/* Opening tells what is a folder: not every file system says so in readdir (DT_UNKNOWN). */
static int close_entries(DIR *dir, const struct sv_ids *ids)
{
        struct dirent *e;

        while ((errno = 0, e = readdir(dir))) {
                if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
                        continue;
                if (close_folders(dirfd(dir), e->d_name, ids) < 0 && errno != ENOTDIR &&
                    errno != ELOOP && errno != ENOENT)
                        return -1;
        }
        return errno ? -1 : 0;
}

/* With all folders below it. */
static int close_folders(int at, const char *name, const struct sv_ids *ids)
{
        int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        int r = dir && close_folder(fd, ids) == 0 ? close_entries(dir, ids) : -1;

        if (dir)
                closedir(dir);
        else
                sv_closep(&fd);
        return r;
}

static int take_back(const struct sv_state *s, const char *name, const struct sv_ids *ids,
                     struct sv_err *err)
{
        SV_STR path = sv_state_path(s, name);

        if (ids->qemu && close_folders(AT_FDCWD, path, ids) < 0 && errno != ENOENT)
                return sv_fail_errno(err, CHECK, "%s", path);
        return 0;
}

int sv_folder_take_back(const struct sv_state *s, const struct sv_ids *ids, struct sv_err *err)
{
        return take_back(s, "lib/qemu", ids, err) < 0 ? -1 : take_back(s, "run/qemu", ids, err);
}

static bool is_of_root(int at, const char *name)
{
        struct stat st;

        return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
               st.st_uid == 0 && st.st_nlink == 1;
}

/* Those that are not root's are removed; is there one? */
static bool remove_foreign_pids(const char *path)
{
        DIR *dir = opendir(path);
        bool found = false;
        struct dirent *e;

        while (dir && (e = readdir(dir))) {
                const char *dot = strrchr(e->d_name, '.');

                if (!dot || strcmp(dot, ".pid") || is_of_root(dirfd(dir), e->d_name))
                        continue;
                found = true;
                unlinkat(dirfd(dir), e->d_name, 0);
        }
        if (dir)
                closedir(dir);
        return found;
}

/* libvirt gave them to QEMU's user, who has connected by then. */
static int give_sockets(const char *path, const struct sv_ids *ids, struct sv_err *err)
{
        DIR *dir = opendir(path);
        struct dirent *e;
        struct stat st;
        int r = 0;

        while (dir && r == 0 && (e = readdir(dir))) {
                if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISSOCK(st.st_mode) && st.st_uid == ids->qemu &&
                    fchownat(dirfd(dir), e->d_name, ids->swtpm, ids->group, AT_SYMLINK_NOFOLLOW) <
                            0)
                        r = sv_fail_errno(err, "launch.vtpm", "%s/%s", path, e->d_name);
        }
        if (dir)
                closedir(dir);
        return r;
}

int sv_folder_take_swtpm(const struct sv_state *s, const struct sv_ids *ids, struct sv_err *err)
{
        SV_STR path = sv_state_path(s, "run/swtpm");

        if (take_back(s, "run/swtpm", ids, err) < 0)
                return -1;
        if (!ids->qemu)
                return 0;
        if (give_sockets(path, ids, err) < 0)
                return -1;
        if (!remove_foreign_pids(path))
                return 0;
        return sv_fail(err, SV_SYSTEM, "launch.vtpm",
                       "%s: expected a process id that libvirt wrote, found one of the guest's "
                       "users: its vTPM or QEMU was taken over as it started",
                       path);
}

int sv_folder_give_log(const struct sv_state *s, const struct sv_ids *ids, struct sv_err *err)
{
        SV_STR folder = sv_state_path(s, "log/qemu");
        SV_STR path = sv_asprintf("%s/%s.log", folder, s->name);
        SV_FD fd = -1;

        if (!ids->qemu)
                return 0;
        if (sv_mkdirs(folder, 0700, err) < 0)
                return -1;
        fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (fd < 0 || fchown(fd, ids->qemu, ids->group) < 0)
                return sv_fail_errno(err, CHECK, "%s", path);
        return 0;
}
