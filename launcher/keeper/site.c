/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/output.h"
#include "launcher/keeper/owner.h"

#define LOCK_TRIES 100 /* each fails only when another command has just ended */

/* --- which files --- */

struct resolving {
        const char *path;
        char *out;
        mode_t kind; /* 0: not there */
};

/* A disk that is not there yet will be in the folder that its name says. */
static int resolve_path(void *arg)
{
        struct resolving *r = arg;
        SV_STR above = sv_path_folder(r->path);
        SV_STR folder = NULL;
        struct stat st;

        r->out = realpath(r->path, NULL);
        if (r->out) {
                if (stat(r->out, &st) < 0)
                        return -1;
                r->kind = st.st_mode & S_IFMT;
                return 0;
        }
        if (errno != ENOENT || !(folder = realpath(above, NULL)))
                return -1;
        r->out = sv_asprintf("%s/%s", folder, strrchr(r->path, '/') + 1);
        return 0;
}

static int fail_kind(const struct sv_guest *g, const char *path, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "snapshot.kind",
                       "%s, which guest %s writes to, is no regular file: of a volume its own "
                       "manager takes snapshots (lvcreate -s), and without it the guest's other "
                       "disks would be of another time",
                       path, g->name);
}

static int add_disk(struct sv_site *p, size_t index, bool strict, struct sv_err *err)
{
        const char *path = p->guest->disks[index].path;
        struct resolving r = {.path = path};

        if (sv_owner_call(p->guest, resolve_path, &r) < 0) {
                free(r.out);
                return strict ? sv_fail_errno(err, "snapshot.disk", "%s%s", path,
                                              sv_owner_note(p->guest))
                              : 0;
        }
        if (r.kind && r.kind != S_IFREG) {
                free(r.out);
                return strict ? fail_kind(p->guest, path, err) : 0;
        }
        p->disks[p->n++] = (struct sv_site_disk){.index = index, .path = r.out};
        return 0;
}

static int find_site(const struct sv_guest *g, bool strict, struct sv_site *out, struct sv_err *err)
{
        SV_SITE p = {.guest = g, .lock = -1};

        for (size_t i = 0; i < g->n_disks; i++)
                if (!g->disks[i].readonly && !g->disks[i].verity &&
                    add_disk(&p, i, strict, err) < 0)
                        return -1;
        if (p.n)
                p.folder = sv_asprintf("%s.snapshots", p.disks[0].path);
        *out = p;
        p = (struct sv_site){.lock = -1};
        return 0;
}

int sv_site_find_any(const struct sv_guest *g, struct sv_site *out, struct sv_err *err)
{
        return find_site(g, false, out, err);
}

int sv_site_find(const struct sv_guest *g, struct sv_site *out, struct sv_err *err)
{
        if (find_site(g, true, out, err) < 0)
                return -1;
        if (out->n)
                return 0;
        return sv_fail(err, SV_USAGE, "snapshot.kind",
                       "guest %s writes to no disk: one that is read only, or verified block by "
                       "block (\"verity\"), stays as it is and needs no copy",
                       g->name);
}

char *sv_site_path(const struct sv_site *p, const char *name)
{
        return sv_asprintf("%s/%s", p->folder, name);
}

int sv_site_sync(const char *path)
{
        SV_STR folder = sv_path_folder(path);

        return sv_folder_sync(path) < 0 ? -1 : sv_folder_sync(folder);
}

/* --- removing --- */

struct removing {
        const char *path;
        struct sv_err *err;
};

static int remove_tree(void *arg)
{
        const struct removing *r = arg;

        return sv_remove_tree(r->path, r->err);
}

int sv_site_remove_tree(const struct sv_site *p, const char *path, struct sv_err *err)
{
        return sv_owner_call(p->guest, remove_tree, &(struct removing){path, err});
}

static int unlink_path(void *arg)
{
        return unlink(arg);
}

void sv_site_unlink(const struct sv_site *p, const char *path)
{
        sv_owner_call(p->guest, unlink_path, (void *)path);
}

/* --- the lock --- */

struct locking {
        const char *folder, *path;
        uid_t owner;
        int fd;
};

/* In a folder where others write, too (/tmp), somebody else's would be taken for this guest's. */
static int check_folder_owner(const struct locking *l)
{
        struct stat st;

        if (lstat(l->folder, &st) < 0)
                return -1;
        errno = EPERM;
        return S_ISDIR(st.st_mode) && (st.st_uid == l->owner || st.st_uid == 0) ? 0 : -1;
}

/* The name is removed by who has the lock, so a lock counts only while its file has a name. */
static int take_site_lock(void *arg)
{
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        struct locking *l = arg;
        struct stat st;

        for (int i = 0; i < LOCK_TRIES; i++) {
                if (mkdir(l->folder, 0711) < 0 && (errno != EEXIST || check_folder_owner(l) < 0))
                        return -1;
                l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (l->fd < 0 && errno == ENOENT)
                        continue;
                if (l->fd < 0)
                        return -1;
                if (fcntl(l->fd, F_OFD_SETLK, &lock) < 0 || fstat(l->fd, &st) < 0) {
                        int saved = errno;

                        sv_closep(&l->fd);
                        errno = saved;
                        return -1;
                }
                if (st.st_nlink)
                        return 0;
                sv_closep(&l->fd);
        }
        errno = EAGAIN;
        return -1;
}

int sv_site_lock(struct sv_site *p, struct sv_err *err)
{
        SV_STR path = sv_site_path(p, ".lock");
        struct locking l = {
                .folder = p->folder,
                .path = path,
                .owner = geteuid() ? geteuid() : p->guest->owner,
                .fd = -1,
        };

        if (sv_owner_call(p->guest, take_site_lock, &l) < 0) {
                if (errno == EAGAIN)
                        return sv_fail(err, SV_SYSTEM, "snapshot.busy",
                                       "another command works on the disks of guest %s (%s is "
                                       "locked): wait for its end",
                                       p->guest->name, path);
                return sv_fail_errno(err, "snapshot.folder", "%s%s", path, sv_owner_note(p->guest));
        }
        p->lock = l.fd;
        return 0;
}

static int leave_folder(void *arg)
{
        const struct sv_site *p = arg;
        SV_STR path = sv_site_path(p, ".lock");

        unlink(path);
        rmdir(p->folder); /* unless there are snapshots */
        return 0;
}

void sv_site_free(struct sv_site *p)
{
        if (p->lock >= 0)
                sv_owner_call(p->guest, leave_folder, p);
        sv_closep(&p->lock);
        for (size_t i = 0; i < p->n; i++)
                free(p->disks[i].path);
        free(p->folder);
        *p = (struct sv_site){.lock = -1};
}

/* --- the disks --- */

int sv_site_hold(const struct sv_site *p, bool may_miss, int fds[SV_GUEST_DISKS_MAX],
                 struct sv_err *err)
{
        int held[SV_GUEST_DISKS_MAX];
        int r = 0;

        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                held[i] = -1;
        for (size_t i = 0; r == 0 && i < p->n; i++) {
                const char *path = p->disks[i].path;

                held[i] = sv_owner_open(p->guest, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
                if (held[i] >= 0)
                        r = sv_disk_lock_open(held[i], path, err);
                else if (errno != ENOENT || !may_miss)
                        r = sv_fail_errno(err, "snapshot.disk", "%s%s", path,
                                          sv_owner_note(p->guest));
        }
        if (r < 0)
                sv_site_let_go(held);
        else
                memcpy(fds, held, sizeof(held));
        return r;
}

void sv_site_let_go(int fds[SV_GUEST_DISKS_MAX])
{
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                sv_closep(&fds[i]);
}
