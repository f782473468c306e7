/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/device.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/keeper/overlap.h"

#define FOLDER "/dev/secure-vm"

/* The guest's folder, which no other guest of the machine has, as one word. */
static char *name_guest_node(const struct sv_state *s, size_t n)
{
        SV_STR word = sv_asprintf("%s", s->dir + (*s->dir == '/'));

        for (char *p = word; *p; p++)
                *p = *p == '/' ? '+' : *p;
        return sv_asprintf(FOLDER "/%s.disk%zu", word, n);
}

/* Another guest that ends removes the folder while it is empty. QEMU's user passes through it,
 * whatever our umask is. */
static int mknod_in_folder(const char *node, dev_t number)
{
        for (int tries = 0;; tries++) {
                if (mkdir(FOLDER, 0711) < 0 ? errno != EEXIST
                                            : chmod(FOLDER, 0711) < 0 && errno != ENOENT)
                        return -1;
                if (mknod(node, S_IFBLK | 0600, number) == 0)
                        return 0;
                if (errno != ENOENT || tries == 100)
                        return -1;
        }
}

int sv_device_make_node(const struct sv_state *s, size_t n, dev_t number, unsigned readers,
                        char **path, struct sv_err *err)
{
        SV_STR node = name_guest_node(s, n);

        if ((unlink(node) < 0 && errno != ENOENT) || mknod_in_folder(node, number) < 0 ||
            (readers && (lchown(node, 0, readers) < 0 || chmod(node, 0440) < 0)))
                return sv_fail_errno(err, "launch.device", "%s", node);
        *path = node;
        node = NULL;
        return 0;
}

void sv_device_remove_nodes(const struct sv_state *s)
{
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++) {
                SV_STR node = name_guest_node(s, i);

                unlink(node);
        }
        rmdir(FOLDER);
}

static bool holds_device(const struct sv_overlap *of, dev_t number)
{
        for (size_t i = 0; i < of->n; i++)
                if (of->list[i] == number)
                        return true;
        return false;
}

/* `modes`: of an open file's link in /proc, what it is open for. */
static bool has_open(const char *folder, const struct sv_overlap *of, mode_t modes)
{
        DIR *dir = opendir(folder);
        bool found = false;
        struct stat st, link;
        struct dirent *e;

        while (dir && !found && (e = readdir(dir)))
                found = isdigit((unsigned char)*e->d_name) &&
                        fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISBLK(st.st_mode) &&
                        holds_device(of, st.st_rdev) &&
                        fstatat(dirfd(dir), e->d_name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
                        (link.st_mode & modes);
        if (dir)
                closedir(dir);
        return found;
}

static bool is_process(const char *pid)
{
        return true;
}

/* By its program: a name is the process's own to change. */
static bool runs_qemu(const char *pid)
{
        SV_STR path = sv_asprintf("/proc/%s/exe", pid);
        char exe[4096];
        ssize_t n = readlink(path, exe, sizeof(exe) - 1);

        exe[n > 0 ? n : 0] = 0;
        return !strncmp(sv_path_name(exe), "qemu-", 5);
}

static bool has_process(bool (*is_one)(const char *pid), const struct sv_overlap *of, mode_t modes)
{
        DIR *proc = opendir("/proc");
        bool found = false;
        struct dirent *e;

        while (proc && !found && (e = readdir(proc)))
                if (isdigit((unsigned char)*e->d_name) && is_one(e->d_name)) {
                        SV_STR folder = sv_asprintf("/proc/%s/fd", e->d_name);

                        found = has_open(folder, of, modes);
                }
        if (proc)
                closedir(proc);
        return found;
}

bool sv_device_overlaps(dev_t a, dev_t b)
{
        struct sv_overlap of;

        sv_overlap_list("", a, &of);
        return holds_device(&of, b);
}

bool sv_device_has_user(dev_t number)
{
        const struct sv_overlap one = {{number}, 1};

        return has_process(is_process, &one, S_IRUSR | S_IWUSR);
}

bool sv_device_has_qemu(dev_t number, bool read)
{
        struct sv_overlap of;

        sv_overlap_list("", number, &of);
        return has_process(runs_qemu, &of, read ? S_IRUSR | S_IWUSR : S_IWUSR);
}

bool sv_device_is_claimed(const char *name)
{
        SV_STR path = sv_asprintf("/dev/%s", name);
        SV_FD alone = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

        return alone < 0 && errno == EBUSY;
}
