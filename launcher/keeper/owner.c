/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"

static bool opens_as_owner(const struct sv_guest *g)
{
        return geteuid() == 0 && g->owner != 0;
}

/* All three are this thread's alone: libvirt has others in this process (credentials(7)). */
static bool set_credentials(uid_t uid, gid_t gid, const gid_t *groups, size_t n)
{
        if (syscall(SYS_setgroups, n, groups) < 0)
                return false;
        setfsgid(gid);
        setfsuid(uid); /* takes what root may do with others' files along */
        return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid;
}

static int find_groups(uid_t uid, gid_t *gid, gid_t *groups, int room)
{
        const struct passwd *pw = getpwuid(uid);
        int n = room;

        *gid = pw ? pw->pw_gid : (gid_t)-2;
        if (!pw)
                return 0;
        return getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) < 0 ? room : n;
}

int sv_owner_call(const struct sv_guest *g, int (*fn)(void *arg), void *arg)
{
        gid_t own[SV_GROUPS_MAX], theirs[SV_GROUPS_MAX], gid;
        int n_own, n_theirs, r, saved;

        if (!opens_as_owner(g))
                return fn(arg);
        n_own = getgroups(SV_GROUPS_MAX, own);
        n_theirs = find_groups(g->owner, &gid, theirs, SV_GROUPS_MAX);
        if (n_own < 0)
                return -1;
        errno = EPERM;
        r = set_credentials(g->owner, gid, theirs, (size_t)n_theirs) ? fn(arg) : -1;
        saved = errno;
        if (!set_credentials(geteuid(), getegid(), own, (size_t)n_own))
                _exit(SV_SYSTEM); /* half of another user: nothing right can follow */
        errno = saved;
        return r;
}

struct opening {
        const char *path;
        int flags;
};

static int open_path(void *arg)
{
        const struct opening *o = arg;

        return open(o->path, o->flags, 0600);
}

int sv_owner_open(const struct sv_guest *g, const char *path, int flags)
{
        struct opening o = {path, flags | O_CLOEXEC | O_NOCTTY};

        return sv_owner_call(g, open_path, &o);
}

const char *sv_owner_note(const struct sv_guest *g)
{
        static char note[96];
        const struct passwd *pw;
        int saved = errno; /* of the open, which the message ends with */

        if (!opens_as_owner(g))
                return "";
        pw = getpwuid(g->owner);
        errno = saved;
        if (pw)
                snprintf(note, sizeof(note), ", opened as %.32s, whose the guest file is",
                         pw->pw_name);
        else
                snprintf(note, sizeof(note), ", opened as user %u, whose the guest file is",
                         g->owner);
        return note;
}

int sv_disk_direct_flag(const struct sv_guest *g, const struct sv_disk *d)
{
        bool buffered = d->tuning.cache && !strncmp(d->tuning.cache, "write", 5);
        SV_FD fd = buffered ? -1 : sv_owner_open(g, d->path, O_RDONLY | O_DIRECT | O_NONBLOCK);

        return fd >= 0 ? O_DIRECT : 0;
}

/* The kernel knows best what it uses: it lets nobody else have such a device alone (open(2),
 * O_EXCL). */
static int check_disk_kind(const struct sv_guest *g, const struct sv_disk *d, int fd,
                           struct sv_err *err)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, "launch.disk", "%s", d->path);
        if (S_ISBLK(st.st_mode)) {
                SV_FD alone = sv_owner_open(g, d->path, O_RDONLY | O_EXCL | O_NONBLOCK);

                if (alone < 0 && errno == EBUSY)
                        return sv_fail(err, SV_SYSTEM, "launch.disk.busy",
                                       "%s (\"disks\" in the guest file) is in use by this host, "
                                       "or a part of it is: mounted, swap, or below another "
                                       "device; two users would destroy what is on it",
                                       d->path);
                return 0;
        }
        if (S_ISREG(st.st_mode))
                return 0;
        return sv_fail(err, SV_USAGE, "launch.disk.kind",
                       "%s (\"disks\" in the guest file): a file or a block device was expected",
                       d->path);
}

int sv_disk_open(const struct sv_guest *g, const struct sv_disk *d, int fds[2], struct sv_err *err)
{
        /* QEMU looks for a descriptor with the very flags that it would open with */
        int direct = sv_disk_direct_flag(g, d);
        SV_FD look = sv_owner_open(g, d->path, O_RDONLY | O_NONBLOCK);
        SV_FD reader = -1;
        SV_FD writer = -1;

        if (look >= 0 && check_disk_kind(g, d, look, err) < 0)
                return -1;
        if (look >= 0)
                reader = sv_owner_open(g, d->path, O_RDONLY | direct);
        if (reader >= 0 && !d->readonly)
                writer = sv_owner_open(g, d->path, O_RDWR | direct);
        if (reader < 0 || (writer < 0 && !d->readonly))
                return sv_fail_errno(err, "launch.disk", "%s (\"disks\" in the guest file)%s",
                                     d->path, sv_owner_note(g));
        fds[0] = reader;
        fds[1] = writer;
        reader = writer = -1;
        return 0;
}
