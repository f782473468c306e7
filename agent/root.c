/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/core/file.h"

#define ROOT      SV_ROOT
#define INIT      "/sbin/init"
#define DEPTH_MAX 64

int sv_root_open_init(const struct sv_machine *m, int flags, struct sv_err *err)
{
        const struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT};
        SV_STR path = sv_machine_path(m, ROOT);
        SV_FD root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int init = root < 0 ? -1 : (int)syscall(SYS_openat2, root, INIT, &how, sizeof(how));

        if (init < 0)
                sv_fail_errno(err, "agent.root", "the root file system has no " INIT);
        return init;
}

/* A root without an init is refused before the guest counts as unlocked. */
static int find_init(const struct sv_machine *m, struct sv_err *err)
{
        SV_FD init = sv_root_open_init(m, O_PATH | O_CLOEXEC, err);

        return init < 0 ? -1 : 0;
}

static int mount_encrypted(const struct sv_machine *m, const char *device, const char *where,
                           const struct sv_agent_config *c, struct sv_err *err)
{
        const char *options = *c->root_options ? c->root_options : NULL;

        if (m->mount(device, where, c->root_type, c->root_flags, options) < 0)
                return sv_fail_errno(err, "agent.root", "cannot mount %s (%s%s%s)",
                                     c->has_verity ? "the disk above the root file system"
                                                   : "the root file system",
                                     c->root_type, options ? ", " : "", c->root_options);
        return 0;
}

int sv_root_mount(const struct sv_machine *machine, const char *device,
                  const struct sv_agent_config *c, struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);

        return mount_encrypted(m, device, ROOT, c, err) < 0 ? -1 : find_init(m, err);
}

int sv_root_mount_data(const struct sv_machine *machine, const char *device,
                       const struct sv_agent_config *c, struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);
        SV_STR path = sv_machine_path(m, SV_ROOT_DATA);

        if (sv_mkdirs(path, 0700, err) < 0)
                return -1;
        return mount_encrypted(m, device, SV_ROOT_DATA, c, err);
}

void sv_root_unmount(const struct sv_machine *machine)
{
        SV_STR root = sv_machine_path(sv_machine_of(machine), ROOT);
        SV_STR data = sv_machine_path(sv_machine_of(machine), SV_ROOT_DATA);

        umount2(root, MNT_DETACH);
        umount2(data, MNT_DETACH);
}

/* proc(5), mountinfo: "22 1 0:20 / / ro shared:1 - btrfs /dev/x rw": of the mount, of the file
 * system. Of several at one place the last one is seen. */
static void read_mount(char *line, const char *where, bool *readonly)
{
        char *next = NULL, *word = strtok_r(line, " \n", &next);
        int field = 0, behind = -1; /* of the words, and of those behind the dash */

        for (; word; word = strtok_r(NULL, " \n", &next), field++) {
                if (field == 4 && strcmp(word, where) != 0)
                        return;
                if (field == 4)
                        *readonly = false;
                if (behind >= 0 || (field > 5 && !strcmp(word, "-")))
                        behind++;
                if (behind == 3)
                        *readonly = !strcmp(word, "ro") || !strncmp(word, "ro,", 3);
        }
}

bool sv_root_is_readonly(const struct sv_machine *machine, const char *where)
{
        SV_STR path = sv_machine_path(sv_machine_of(machine), "/proc/self/mountinfo");
        FILE *f = fopen(path, "re");
        bool readonly = false;
        char *line = NULL;
        size_t room = 0;

        while (f && getline(&line, &room, f) > 0)
                read_mount(line, where, &readonly);
        free(line);
        if (f)
                fclose(f);
        return readonly;
}

static int move_mounts(const struct sv_machine *m, struct sv_err *err)
{
        static const char *const move[] = {"/dev", "/proc", "/sys", "/run"};

        for (size_t i = 0; i < sizeof(move) / sizeof(move[0]); i++) {
                SV_STR to = sv_asprintf(ROOT "%s", move[i]);

                if (m->mount(move[i], to, NULL, MS_MOVE, NULL) < 0)
                        return sv_fail_errno(err, "agent.switch-root",
                                             "cannot move %s to the new root", move[i]);
        }
        return 0;
}

static int enter_root(const struct sv_machine *m, struct sv_err *err)
{
        static const char failed[] = "cannot change to the new root";
        SV_STR path = sv_machine_path(m, ROOT);

        if (chdir(path) < 0)
                return sv_fail_errno(err, "agent.switch-root", "%s", failed);
        if (m->mount(".", "/", NULL, MS_MOVE, NULL) < 0)
                return sv_fail_errno(err, "agent.switch-root", "%s", failed);
        if (m->chroot(".") < 0)
                return sv_fail_errno(err, "agent.switch-root", "%s", failed);
        if (chdir("/") < 0)
                return sv_fail_errno(err, "agent.switch-root", "%s", failed);
        return 0;
}

/* Removes everything below fd that is on file system dev, and closes fd. */
static void remove_below(int fd, dev_t dev, unsigned depth)
{
        DIR *dir = fdopendir(fd);

        if (!dir) {
                close(fd);
                return;
        }
        for (struct dirent *e; depth < DEPTH_MAX && (e = readdir(dir));) {
                struct stat st;
                int sub;

                if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
                    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != dev)
                        continue;
                if (S_ISDIR(st.st_mode)) {
                        sub = openat(fd, e->d_name,
                                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                        if (sub >= 0)
                                remove_below(sub, dev, depth + 1);
                }
                unlinkat(fd, e->d_name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
        }
        closedir(dir);
}

/* Frees an initramfs, and nothing that is not a file system in memory. Closes fd. */
static void free_initramfs(int fd)
{
        struct statfs fs;
        struct stat st;

        if (fstatfs(fd, &fs) < 0 || (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC) ||
            fstat(fd, &st) < 0)
                close(fd);
        else
                remove_below(fd, st.st_dev, 0);
}

int sv_root_switch(const struct sv_machine *machine, struct sv_err *err)
{
        static const char *const argv[] = {INIT, NULL};
        static const char *const envp[] = {
                "HOME=/", "TERM=linux",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
        const struct sv_machine *m = sv_machine_of(machine);
        SV_STR path = sv_machine_path(m, "/");
        SV_FD old = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (old < 0)
                return sv_fail_errno(err, "agent.switch-root", "cannot open the initramfs");
        if (move_mounts(m, err) < 0)
                return -1;
        if (enter_root(m, err) < 0)
                return -1;
        free_initramfs(old);
        old = -1; /* closed */
        m->exec(INIT, (char *const *)argv, (char *const *)envp);
        return sv_fail_errno(err, "agent.switch-root", "cannot run " INIT " of the new root");
}
