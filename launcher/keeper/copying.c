/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/copying.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "base/crypto/crypto.h"
#include "image/copy.h"
#include "image/qcow2.h"
#include "image/run.h"
#include "launcher/keeper/owner.h"
#include "launcher/keeper/snapshot.h"

/* fn(c) with the rights with which the folder is made. */
static int call_as(struct sv_copying *c, int (*fn)(void *arg), void *arg)
{
        return c->own ? fn(arg) : sv_owner_call(c->site->guest, fn, arg);
}

char *sv_copying_file(const struct sv_copying *c, size_t disk)
{
        SV_STR name = sv_saved_file(&c->set, disk);

        return sv_asprintf("%s/%s", c->temp, name);
}

/* --- the folder --- */

static int make_new_folder(void *arg)
{
        struct sv_copying *c = arg;

        /* what a killed command has left */
        if (sv_remove_tree(c->temp, NULL) < 0)
                return -1;
        return mkdir(c->temp, 0711); /* for a daemon's QEMU, which opens a file by its name */
}

static bool has_name(const struct sv_copying *c)
{
        struct stat open, named;

        return c->folder < 0 || (fstat(c->folder, &open) == 0 && lstat(c->temp, &named) == 0 &&
                                 open.st_dev == named.st_dev && open.st_ino == named.st_ino);
}

/* EEXIST: it is another's. NFS locks no folder; there has_name finds at the end who came between.
 */
static int lock_folder(struct sv_copying *c)
{
        sv_closep(&c->folder);
        c->folder = open(c->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (c->folder < 0)
                return -1;
        if ((flock(c->folder, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) || !has_name(c)) {
                sv_closep(&c->folder);
                errno = EEXIST;
                return -1;
        }
        return 0;
}

/* Backups of two guests, each locked, may be given one name. */
static int make_locked_folder(void *arg)
{
        struct sv_copying *c = arg;

        if (lock_folder(c) < 0)
                return errno != ENOENT || mkdir(c->temp, 0711) < 0 ? -1 : lock_folder(c);
        if (make_new_folder(c) < 0) {
                sv_closep(&c->folder);
                return -1;
        }
        return lock_folder(c);
}

static int begin_copying(struct sv_copying *c, struct sv_err *err)
{
        const struct sv_guest *g = c->site->guest;

        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                c->fds[i] = -1;
        c->folder = -1;
        c->set.n = c->site->n;
        c->set.made = time(NULL);
        snprintf(c->set.guest, sizeof(c->set.guest), "%s", g->name);
        for (size_t i = 0; i < c->set.n; i++)
                snprintf(c->set.disks[i].id, sizeof(c->set.disks[i].id), "%s",
                         g->disks[c->site->disks[i].index].id);
        if (call_as(c, c->own ? make_locked_folder : make_new_folder, c) == 0)
                return 0;
        if (c->own && errno == EEXIST)
                return sv_fail(err, SV_SYSTEM, "backup.busy",
                               "another command makes a backup of that name (%s is locked): wait "
                               "for its end, or give another name",
                               c->temp);
        return sv_fail_errno(err, "snapshot.folder", "%s%s", c->temp,
                             c->own ? "" : sv_owner_note(g));
}

int sv_copying_snapshot(const struct sv_site *p, const char *name, struct sv_copying *out,
                        struct sv_err *err)
{
        SV_COPYING c = {.site = p};

        if (sv_snapshot_check_new(p, name, err) < 0)
                return -1;
        c.temp = sv_site_path(p, SV_SITE_NEW);
        c.path = sv_site_path(p, name);
        if (begin_copying(&c, err) < 0)
                return -1;
        *out = c;
        c = (struct sv_copying){0};
        return 0;
}

int sv_copying_backup(const struct sv_site *p, const char *path, struct sv_copying *out,
                      struct sv_err *err)
{
        SV_COPYING c = {.site = p, .own = true, .digest = true};
        SV_STR folder = sv_path_folder(path);

        if (rmdir(path) < 0 && errno != ENOENT)
                return sv_fail(err, SV_USAGE, "backup.exists",
                               "%s is there already, and is no empty folder: give another name",
                               path);
        c.temp = sv_asprintf("%s/.%s.unfinished-backup", folder, sv_path_name(path));
        c.path = sv_asprintf("%s", path);
        if (begin_copying(&c, err) < 0)
                return -1;
        *out = c;
        c = (struct sv_copying){0};
        return 0;
}

/* --- the files --- */

static int make_copy_file(struct sv_copying *c, size_t i, int64_t size, struct sv_err *err)
{
        int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
        SV_STR path = sv_copying_file(c, i);

        if (size < 1)
                return sv_fail(err, SV_USAGE, "snapshot.disk", "%s is empty",
                               c->site->disks[i].path);
        c->fds[i] = c->own ? open(path, flags, 0600) : sv_owner_open(c->site->guest, path, flags);
        if (c->fds[i] < 0 || fstat(c->fds[i], &c->made[i]) < 0)
                return sv_fail_errno(err, "snapshot.folder", "%s", path);
        c->set.disks[i].bytes = size;
        return 0;
}

static int find_size(const struct sv_site *p, size_t i, int64_t *size, struct sv_err *err)
{
        SV_FD fd = sv_owner_open(p->guest, p->disks[i].path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return sv_fail_errno(err, "snapshot.disk", "%s%s", p->disks[i].path,
                                     sv_owner_note(p->guest));
        *size = st.st_size;
        return 0;
}

int sv_copying_reserve(struct sv_copying *c, struct sv_err *err)
{
        for (size_t i = 0; i < c->set.n; i++) {
                int64_t size;

                if (find_size(c->site, i, &size, err) < 0 || make_copy_file(c, i, size, err) < 0)
                        return -1;
                errno = posix_fallocate(c->fds[i], 0, size);
                if (errno)
                        return sv_fail_errno(err, "snapshot.room",
                                             "no room for a copy of %s, which has %lld MiB, in %s",
                                             c->site->disks[i].path, (long long)size >> 20,
                                             c->temp);
        }
        return 0;
}

/* The bytes, the tables that find them, and the counts of both; and some of each for what the guest
 * changes until the copy begins. */
static uint64_t count_image_room(uint64_t disk, uint64_t changed)
{
        uint64_t clusters = changed / SV_QCOW2_CLUSTER, spans = disk >> 29;
        uint64_t tables = (clusters < spans ? clusters : spans) + changed / (1u << 30) + 4;

        return changed + changed / 8 + tables * SV_QCOW2_CLUSTER + (4u << 20);
}

int sv_copying_reserve_change(struct sv_copying *c, size_t disk, uint64_t changed,
                              struct sv_err *err)
{
        uint64_t room = count_image_room((uint64_t)c->set.disks[disk].bytes, changed);

        c->changed[disk] = changed;
        /* where a file system cannot promise room, QEMU's job says that there is none */
        if (fallocate(c->fds[disk], FALLOC_FL_KEEP_SIZE, 0, (off_t)room) == 0 ||
            errno == EOPNOTSUPP)
                return 0;
        return sv_fail_errno(err, "snapshot.room",
                             "no room for what changed in %s, which has %llu MiB, in %s",
                             c->site->disks[disk].path, (unsigned long long)changed >> 20, c->temp);
}

int sv_copying_reserve_changes(struct sv_copying *c, const uint64_t sizes[SV_GUEST_DISKS_MAX],
                               const uint64_t changed[SV_GUEST_DISKS_MAX], struct sv_err *err)
{
        for (size_t i = 0; i < c->set.n; i++) {
                SV_STR path = sv_copying_file(c, i);

                if (make_copy_file(c, i, (int64_t)sizes[i], err) < 0 ||
                    sv_qcow2_make(c->fds[i], path, sizes[i], err) < 0 ||
                    sv_copying_reserve_change(c, i, changed[i], err) < 0)
                        return -1;
        }
        return 0;
}

static void note_part(struct sv_progress *p, uint64_t done, uint64_t total)
{
        const struct sv_part *part = (struct sv_part *)p;

        sv_progress_seen(part->whole, part->before + done, part->total);
}

void sv_part_begin(struct sv_part *p, struct sv_progress *whole, uint64_t before, uint64_t total)
{
        *p = (struct sv_part){{note_part}, whole, before, total};
}

int sv_copying_fill(struct sv_copying *c, const int fds[SV_GUEST_DISKS_MAX],
                    struct sv_progress *progress, struct sv_err *err)
{
        uint64_t total = 0, before = 0;

        for (size_t i = 0; i < c->set.n; i++) {
                struct stat st;

                if (fstat(fds[i], &st) < 0)
                        return sv_fail_errno(err, "snapshot.disk", "%s", c->site->disks[i].path);
                if (make_copy_file(c, i, st.st_size, err) < 0)
                        return -1;
                total += (uint64_t)st.st_size;
        }
        for (size_t i = 0; i < c->set.n; i++) {
                struct sv_part part;

                sv_part_begin(&part, progress, before, total);
                if (sv_copy_data(fds[i], c->fds[i], c->set.disks[i].bytes, &part.progress, err) < 0)
                        return sv_wrap(err, "copying %s", c->site->disks[i].path);
                before += (uint64_t)c->set.disks[i].bytes;
        }
        return 0;
}

/* --- the end --- */

int64_t sv_copy_mtime(const struct stat *st)
{
        return st->st_mtim.tv_sec * 1000000000ll + st->st_mtim.tv_nsec;
}

int sv_copy_check_file(int fd, const char *path, const struct sv_saved_disk *c, struct stat *st,
                       struct sv_err *err)
{
        if (fd < 0 || fstat(fd, st) < 0)
                return sv_fail_errno(err, "copies.absent", "%s", path);
        if (S_ISREG(st->st_mode) && st->st_size == c->bytes)
                return 0;
        return sv_fail(err, SV_PROOF, "copies.changed",
                       "%s: expected a file of %lld bytes, found %lld", path, (long long)c->bytes,
                       (long long)st->st_size);
}

int sv_copy_digest(int fd, const char *path, const volatile bool *cancel, char out[65],
                   struct sv_err *err)
{
        struct sv_hash *h = sv_hash_new(SV_SHA256, err);
        uint8_t piece[64 << 10], digest[SV_DIGEST_MAX];
        ssize_t n = -1;
        int r = h ? 0 : -1;

        for (off_t at = 0; r == 0 && (n = pread(fd, piece, sizeof(piece), at)) > 0; at += n) {
                r = sv_hash_put(h, sv_bytes(piece, (size_t)n), err);
                if (r == 0 && ((cancel && *cancel) || sv_run_interrupted()))
                        r = sv_fail(err, SV_SYSTEM, "snapshot.cancelled",
                                    "cancelled: nothing has changed");
        }
        if (r == 0 && n < 0)
                r = sv_fail_errno(err, "copies.read", "%s", path);
        if (r == 0)
                r = sv_hash_end(h, digest, err);
        if (r == 0)
                sv_hex(sv_bytes(digest, 32), out);
        sv_hash_free(h);
        return r;
}

/* What was reserved and never written reads as zeros, and need take no room. */
static void release_room(int fd, off_t size)
{
        for (off_t at = 0, end; at < size; at = end) {
                off_t hole = lseek(fd, at, SEEK_HOLE);

                if (hole < 0 || hole >= size)
                        return;
                end = lseek(fd, hole, SEEK_DATA);
                if (end < 0)
                        end = size;
                if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole, end - hole) < 0)
                        return;
        }
}

/* What was reserved for an image and not needed lies behind its end. What QEMU says of a job is not
 * believed alone: the image has as many bytes as the bitmap had, whose last cluster goes beyond the
 * disk's end. */
static int finish_changes(struct sv_saved_disk *copy, int fd, const char *path, uint64_t expected,
                          struct sv_err *err)
{
        struct sv_qcow2 q;
        struct stat st;
        uint64_t changed, beyond;

        if (fstat(fd, &st) < 0 || ftruncate(fd, st.st_size) < 0)
                return sv_fail_errno(err, "snapshot.folder", "%s", path);
        if (sv_qcow2_open(fd, path, &q, err) < 0 || sv_qcow2_count(&q, &changed, err) < 0)
                return sv_wrap(err, "what QEMU made of the copy");
        beyond = (SV_QCOW2_CLUSTER - q.size % SV_QCOW2_CLUSTER) % SV_QCOW2_CLUSTER;
        if (changed + beyond < expected)
                return sv_fail(err, SV_SYSTEM, "snapshot.job",
                               "%s has %llu bytes of %llu that changed, though QEMU says that it "
                               "copied all: there is no copy",
                               path, (unsigned long long)changed, (unsigned long long)expected);
        copy->stored = st.st_size;
        copy->changed = (int64_t)changed;
        return 0;
}

static int finish_file(struct sv_copying *c, size_t i, const volatile bool *cancel,
                       struct sv_err *err)
{
        SV_STR path = sv_copying_file(c, i);
        struct sv_saved_disk *copy = &c->set.disks[i];
        struct stat st;
        int fd = c->fds[i];

        if (*c->set.since && finish_changes(copy, fd, path, c->changed[i], err) < 0)
                return -1;
        if (!*c->set.since)
                release_room(fd, copy->bytes);
        if (fsync(fd) < 0 || fstat(fd, &st) < 0)
                return sv_fail_errno(err, "snapshot.folder", "%s", path);
        if (!*c->set.since && st.st_size != copy->bytes)
                return sv_fail(err, SV_SYSTEM, "snapshot.disk",
                               "the disk changed its size while it was copied: try again");
        /* libvirt had given it to QEMU's user */
        if (st.st_uid != c->made[i].st_uid || st.st_gid != c->made[i].st_gid)
                if (fchown(fd, c->made[i].st_uid, c->made[i].st_gid) < 0)
                        return sv_fail_errno(err, "snapshot.owner",
                                             "%s belongs to user %u after libvirt had it, and "
                                             "cannot be given back",
                                             path, st.st_uid);
        if (fchmod(fd, 0600) < 0)
                return sv_fail_errno(err, "snapshot.folder", "%s", path);
        if (c->digest)
                return sv_copy_digest(fd, path, cancel, copy->sha256, err);
        copy->mtime = sv_copy_mtime(&st);
        return 0;
}

struct naming {
        struct sv_copying *c;
        struct sv_bytes text;
        struct sv_err *err;
};

static int check_own_folder(const struct naming *n)
{
        return has_name(n->c) ? 0
                              : sv_fail(n->err, SV_SYSTEM, "backup.busy",
                                        "somebody has put another folder in the place of %s: "
                                        "there is no backup",
                                        n->c->temp);
}

static int name_folder(void *arg)
{
        struct naming *n = arg;
        SV_STR list = sv_asprintf("%s/%s", n->c->temp, SV_SAVED_FILE);

        if (check_own_folder(n) < 0 || sv_file_write(list, 0600, n->text, n->err) < 0)
                return -1;
        if (check_own_folder(n) < 0)
                return -1;
        if (sv_folder_sync(list) < 0 || rename(n->c->temp, n->c->path) < 0 ||
            (n->c->own ? sv_folder_sync(n->c->path) : sv_site_sync(n->c->path)) < 0)
                return sv_fail_errno(n->err, "snapshot.folder", "%s", n->c->path);
        return 0;
}

int sv_copying_finish(struct sv_copying *c, const volatile bool *cancel, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        struct naming n = {.c = c, .err = err};
        SV_JSON *j = NULL;

        for (size_t i = 0; i < c->set.n; i++)
                if (finish_file(c, i, cancel, err) < 0)
                        return -1;
        j = sv_saved_print(&c->set);
        sv_json_print(j, &text);
        sv_buf_puts(&text, "\n");
        if (sv_buf_ok(&text, "copies.json", err) < 0)
                return -1;
        n.text = sv_buf_bytes(&text);
        if (call_as(c, name_folder, &n) < 0)
                return -1;
        free(c->temp);
        c->temp = NULL;
        return 0;
}

static int drop_folder(void *arg)
{
        const struct sv_copying *c = arg;

        return has_name(c) ? sv_remove_tree(c->temp, NULL) : 0;
}

void sv_copying_free(struct sv_copying *c)
{
        if (!c->path)
                return;
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                sv_closep(&c->fds[i]);
        /* where a backup has no folder of its own, another has that name */
        if (c->temp && (!c->own || c->folder >= 0))
                call_as(c, drop_folder, c);
        sv_closep(&c->folder);
        free(c->temp);
        free(c->path);
        *c = (struct sv_copying){0};
}
