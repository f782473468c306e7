/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/revert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/copy.h"
#include "image/output.h"
#include "launcher/keeper/copying.h"
#include "launcher/keeper/owner.h"

#define JOURNAL     ".revert.json"
#define JOURNAL_NEW ".revert.json.new"

static char *new_path(const char *disk)
{
        return sv_asprintf("%s.reverting", disk);
}

/* --- the journal --- */

struct journal {
        bool renaming;
        size_t n;
        char paths[SV_GUEST_DISKS_MAX][SV_PATH_MAX + 1];
        int64_t mtimes[SV_GUEST_DISKS_MAX]; /* of the old disk; 0: there is none */
};

struct writing {
        char *path, *temp;
        struct sv_bytes text;
        struct sv_err *err;
};

/* Under one name until it is whole, which the next command finds. */
static int write_whole(void *arg)
{
        const struct writing *w = arg;
        SV_FD fd = open(w->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd >= 0 && sv_fd_write(fd, w->temp, w->text, w->err) < 0)
                return -1;
        return fd < 0 || fsync(fd) < 0 || rename(w->temp, w->path) < 0 || sv_site_sync(w->path) < 0
                       ? sv_fail_errno(w->err, "snapshot.folder", "%s", w->path)
                       : 0;
}

static int note_revert(const struct sv_site *p, const int64_t *mtimes, bool renaming,
                       struct sv_err *err)
{
        SV_STR path = sv_site_path(p, JOURNAL);
        SV_STR temp = sv_site_path(p, JOURNAL_NEW);
        struct writing w = {.path = path, .temp = temp, .err = err};
        SV_JSON *j = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *rows;

        sv_json_set_int(j, "format", 1);
        sv_json_set_str(j, "state", renaming ? "renaming" : "copying");
        rows = sv_json_set(j, "disks", sv_json_array());
        for (size_t i = 0; i < p->n; i++) {
                struct sv_json *row = sv_json_add(rows, sv_json_object());

                sv_json_set_str(row, "path", p->disks[i].path);
                sv_json_set_int(row, "mtime", mtimes[i]);
        }
        sv_json_print(j, &text);
        if (sv_buf_ok(&text, JOURNAL, err) < 0)
                return -1;
        w.text = sv_buf_bytes(&text);
        if (sv_owner_call(p->guest, write_whole, &w) == 0)
                return 0;
        sv_site_unlink(p, temp);
        return -1;
}

static int read_row(const struct sv_json *row, char path[SV_PATH_MAX + 1], int64_t *mtime,
                    struct sv_err *err)
{
        const char *text;

        if (sv_json_need_str(row, "path", &text, "snapshot.unfinished", err) < 0)
                return -1;
        if (sv_json_need_int(row, "mtime", 0, INT64_MAX, mtime, "snapshot.unfinished", err) < 0)
                return -1;
        if (*text != '/' || strlen(text) > SV_PATH_MAX)
                return sv_fail(err, SV_FORMAT, "snapshot.unfinished",
                               "expected the path of a disk, found \"%.64s\"", text);
        snprintf(path, SV_PATH_MAX + 1, "%s", text);
        return 0;
}

static int parse_journal(struct sv_bytes text, struct journal *out, struct sv_err *err)
{
        SV_JSON *j = NULL;
        struct sv_json *rows;
        const char *state;
        int64_t format;

        if (sv_json_parse(text, "snapshot.unfinished", &j, err) < 0 ||
            sv_json_need_int(j, "format", 1, 1, &format, "snapshot.unfinished", err) < 0 ||
            sv_json_need_str(j, "state", &state, "snapshot.unfinished", err) < 0 ||
            sv_json_need_array(j, "disks", &rows, "snapshot.unfinished", err) < 0)
                return -1;
        out->n = sv_json_len(rows);
        out->renaming = !strcmp(state, "renaming");
        if ((!out->renaming && strcmp(state, "copying")) || !out->n || out->n > SV_GUEST_DISKS_MAX)
                return sv_fail(err, SV_FORMAT, "snapshot.unfinished",
                               "expected \"copying\" or \"renaming\" and 1 to %d disks, found "
                               "\"%.16s\" and %zu",
                               SV_GUEST_DISKS_MAX, state, out->n);
        for (size_t i = 0; i < out->n; i++)
                if (read_row(sv_json_at(rows, i), out->paths[i], &out->mtimes[i], err) < 0)
                        return -1;
        return 0;
}

/* 1 when there is one. */
static int read_journal(const struct sv_site *p, struct journal *out, struct sv_err *err)
{
        SV_STR path = sv_site_path(p, JOURNAL);
        SV_FD fd = sv_owner_open(p->guest, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        SV_BUF text = SV_BUF_NULL;

        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR
                               ? 0
                               : sv_fail_errno(err, "snapshot.unfinished", "%s", path);
        if (sv_fd_read(fd, path, SV_SAVED_SIZE_MAX, &text, "snapshot.unfinished", err) < 0)
                return -1;
        return parse_journal(sv_buf_bytes(&text), out, err) < 0 ? sv_wrap(err, "%s", path) : 1;
}

static void remove_journal(const struct sv_site *p)
{
        SV_STR path = sv_site_path(p, JOURNAL);

        sv_site_unlink(p, path);
}

/* --- giving the names --- */

static int rename_new(void *arg)
{
        const char *path = arg;
        SV_STR from = new_path(path);

        return rename(from, path) < 0 || sv_folder_sync(path) < 0 ? -1 : 0;
}

static int give_name(const struct sv_site *p, const char *path, struct sv_err *err)
{
        if (sv_owner_call(p->guest, rename_new, (void *)path) < 0)
                return sv_fail_errno(err, "snapshot.unfinished",
                                     "%s.reverting cannot become %s; the next command on this "
                                     "guest tries again",
                                     path, path);
        return 0;
}

/* --- what a killed one has left --- */

/* -1 with errno when that cannot be told. */
static int stat_path(const struct sv_site *p, const char *path, struct stat *st)
{
        SV_FD fd = sv_owner_open(p->guest, path, O_PATH | O_NOFOLLOW);

        return fd < 0 ? -1 : fstat(fd, st);
}

static bool is_there(const struct sv_site *p, const char *path)
{
        struct stat st;

        return stat_path(p, path, &st) == 0 || errno != ENOENT;
}

/* Also when it cannot be told. */
static bool is_open(const struct sv_site *p)
{
        SV_STR journal = p->n ? sv_site_path(p, JOURNAL) : NULL;

        if (!p->n)
                return false;
        if (is_there(p, journal))
                return true;
        for (size_t i = 0; i < p->n; i++) {
                SV_STR new = new_path(p->disks[i].path);

                if (is_there(p, new))
                        return true;
        }
        return false;
}

static int check_none_is_left(const struct sv_site *p, struct sv_err *err)
{
        for (size_t i = 0; i < p->n; i++) {
                SV_STR new = new_path(p->disks[i].path);

                if (is_there(p, new))
                        return sv_fail(err, SV_SYSTEM, "snapshot.unfinished",
                                       "%s is there, of a revert that was begun for another guest "
                                       "file with this disk: any command there ends it; remove it "
                                       "when there is none any more",
                                       new);
        }
        return 0;
}

/* The old disk is given up only as it was when that was decided. It stays locked while *fd is open.
 */
static int hold_old_disk(const struct sv_site *p, const char *path, int64_t mtime, int *fd,
                         struct sv_err *err)
{
        struct stat st = {0};

        *fd = sv_owner_open(p->guest, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
        if (*fd < 0 && errno == ENOENT)
                return 0;
        if (*fd < 0 || fstat(*fd, &st) < 0)
                return sv_fail_errno(err, "snapshot.unfinished", "%s", path);
        if (sv_copy_mtime(&st) != mtime)
                return sv_fail(err, SV_SYSTEM, "snapshot.unfinished",
                               "a revert of the guest's disks did not end, and somebody has "
                               "written to %s since: move %s.reverting over it to have the state "
                               "of the snapshot, or remove it to have this one; with several "
                               "disks, the same for all",
                               path, path);
        return sv_disk_lock_open(*fd, path, err);
}

/* No disk gets its new content before all may have theirs. */
static int settle_names(const struct sv_site *p, const struct journal *j, struct sv_err *err)
{
        bool waits[SV_GUEST_DISKS_MAX] = {false};
        int held[SV_GUEST_DISKS_MAX], r = 0;

        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                held[i] = -1;
        for (size_t i = 0; r == 0 && i < j->n; i++) {
                SV_STR new = new_path(j->paths[i]);

                waits[i] = is_there(p, new);
                if (waits[i])
                        r = hold_old_disk(p, j->paths[i], j->mtimes[i], &held[i], err);
        }
        for (size_t i = 0; r == 0 && i < j->n; i++)
                if (waits[i])
                        r = give_name(p, j->paths[i], err);
        sv_site_let_go(held);
        return r;
}

static int settle_site(const struct sv_site *p, struct sv_err *err)
{
        struct journal j;
        int r = read_journal(p, &j, err);

        if (r < 0)
                return -1;
        if (r == 0)
                return check_none_is_left(p, err);
        if (j.renaming && settle_names(p, &j, err) < 0)
                return -1;
        for (size_t i = 0; !j.renaming && i < j.n; i++) {
                SV_STR new = new_path(j.paths[i]);

                sv_site_unlink(p, new);
        }
        remove_journal(p);
        return check_none_is_left(p, err);
}

/* What a killed command made or took away. */
static int sweep_folder(const struct sv_site *p, struct sv_err *err)
{
        static const char *const names[] = {SV_SITE_NEW, SV_SITE_OLD, JOURNAL_NEW};

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                SV_STR path = sv_site_path(p, names[i]);

                if (sv_site_remove_tree(p, path, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_revert_enter(struct sv_site *p, struct sv_err *err)
{
        if (sv_site_lock(p, err) < 0)
                return -1;
        return settle_site(p, err) < 0 ? -1 : sweep_folder(p, err);
}

int sv_revert_check(const struct sv_guest *g, struct sv_err *err)
{
        SV_SITE p = {.lock = -1};

        if (sv_site_find_any(g, &p, err) < 0)
                return -1;
        return is_open(&p) ? sv_revert_enter(&p, err) : 0;
}

/* --- a new one --- */

struct work {
        const struct sv_revert *r;
        struct sv_saved set;
        const struct sv_saved_disk *copies[SV_GUEST_DISKS_MAX]; /* of each disk */
        int from[SV_GUEST_DISKS_MAX], old[SV_GUEST_DISKS_MAX];
        int64_t mtimes[SV_GUEST_DISKS_MAX];
        uint64_t done, total;
};

static int open_copy(const struct sv_revert *r, const char *path)
{
        int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

        return r->own ? open(path, flags) : sv_owner_open(r->site->guest, path, flags);
}

static int read_saved(const struct sv_revert *r, struct sv_saved *out, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s", r->folder, SV_SAVED_FILE);
        SV_FD fd = open_copy(r, path);
        SV_BUF text = SV_BUF_NULL;

        if (fd < 0)
                return sv_fail_errno(err, "copies.absent", "%s", path);
        if (sv_fd_read(fd, path, SV_SAVED_SIZE_MAX, &text, "copies.format", err) < 0)
                return -1;
        return sv_saved_parse(sv_buf_bytes(&text), out, err) < 0 ? sv_wrap(err, "%s", path) : 0;
}

static const struct sv_saved_disk *find_copy(const struct sv_saved *c, const char *id)
{
        for (size_t i = 0; i < c->n; i++)
                if (!strcmp(c->disks[i].id, id))
                        return &c->disks[i];
        return NULL;
}

/* All or nothing: disks of two times do not belong together. */
static int match_disks(struct work *w, struct sv_err *err)
{
        const struct sv_site *p = w->r->site;

        for (size_t i = 0; i < p->n; i++) {
                const char *id = p->guest->disks[p->disks[i].index].id;

                w->copies[i] = find_copy(&w->set, id);
                if (!w->copies[i] || w->set.n != p->n)
                        return sv_fail(err, SV_USAGE, "snapshot.disks",
                                       "%s has copies of %zu disks, %s \"%s\" among them; guest "
                                       "%s writes to %zu: all go back together, or none",
                                       w->r->folder, w->set.n, w->copies[i] ? "with" : "without",
                                       id, p->guest->name, p->n);
        }
        return 0;
}

static int check_copy(struct work *w, size_t i, struct sv_err *err)
{
        const struct sv_saved_disk *c = w->copies[i];
        SV_STR path = sv_asprintf("%s/%s.raw", w->r->folder, c->id);
        struct stat st;

        w->from[i] = open_copy(w->r, path);
        if (sv_copy_check_file(w->from[i], path, c, &st, err) < 0)
                return -1;
        if (c->mtime && c->mtime != sv_copy_mtime(&st))
                return sv_fail(err, SV_PROOF, "copies.changed",
                               "%s was written to after it was made; if its bytes are as they "
                               "were, \"touch -d @%lld.%09lld\" on it says so",
                               path, (long long)(c->mtime / 1000000000),
                               (long long)(c->mtime % 1000000000));
        w->total += (uint64_t)c->bytes;
        return 0;
}

#define LUKS_MAGIC  "LUKS\xba\xbe"
#define LUKS_HEADER (16u << 10) /* with all that is said of keys; nobody writes to it in use */

/* A new key at the broker opens the new header only. */
static int check_key(const struct work *w, size_t i, struct sv_err *err)
{
        uint8_t old[LUKS_HEADER] = {0}, new[LUKS_HEADER] = {0};
        const size_t n = strlen(LUKS_MAGIC);

        if (w->r->other_key || w->old[i] < 0)
                return 0;
        if (pread(w->old[i], old, sizeof(old), 0) < 0 || pread(w->from[i], new, sizeof(new), 0) < 0)
                return sv_fail_errno(err, "snapshot.disk", "%s", w->r->site->disks[i].path);
        if (w->r->changes &&
            sv_chain_apply_head(w->r->changes, w->copies[i]->id, new, sizeof(new), err) < 0)
                return -1;
        if (memcmp(old, LUKS_MAGIC, n) || memcmp(new, LUKS_MAGIC, n) ||
            !memcmp(old, new, sizeof(old)))
                return 0;
        return sv_fail(err, SV_USAGE, "snapshot.key",
                       "%s got another key since (image rekey, image encrypt), and the broker's "
                       "opens the one that is there, not the copy; with --other-key it goes back "
                       "all the same",
                       w->r->site->disks[i].path);
}

/* Who is on the disk now, and what the new file is to be like. */
static int check_old(struct work *w, size_t i, struct sv_err *err)
{
        const char *path = w->r->site->disks[i].path;
        struct stat st;

        if (w->old[i] < 0)
                return 0;
        if (w->r->may_miss && !w->r->replace)
                return sv_fail(err, SV_USAGE, "backup.there",
                               "%s is there; --replace gives it up for the backup's", path);
        if (fstat(w->old[i], &st) < 0)
                return sv_fail_errno(err, "snapshot.disk", "%s", path);
        if (st.st_nlink != 1)
                return sv_fail(err, SV_USAGE, "snapshot.links",
                               "%s has %lu names (hard links), and would go back under one of "
                               "them only",
                               path, (unsigned long)st.st_nlink);
        w->mtimes[i] = sv_copy_mtime(&st);
        return check_key(w, i, err);
}

/* Whose the old disk is, and who may read it. */
static int take_over_mode(int from, int to, const char *path, struct sv_err *err)
{
        struct stat old, new;

        if (from < 0)
                return 0;
        if (fstat(from, &old) < 0 || fstat(to, &new) < 0)
                return sv_fail_errno(err, "snapshot.disk", "%s", path);
        if (((old.st_uid != new.st_uid || old.st_gid != new.st_gid) &&
             fchown(to, old.st_uid, old.st_gid) < 0) ||
            fchmod(to, old.st_mode & 07777) < 0)
                return sv_fail_errno(err, "snapshot.owner",
                                     "%s belongs to user %u, group %u, and a new file cannot be "
                                     "given to them",
                                     path, old.st_uid, old.st_gid);
        return 0;
}

/* The journal says "renaming" only of files that a loss of power leaves there. */
static int sync_name(void *arg)
{
        return sv_folder_sync(arg);
}

static int check_written(const struct sv_saved_disk *c, int fd, const char *path,
                         struct sv_err *err)
{
        char digest[65];

        if (!*c->sha256)
                return 0;
        if (sv_copy_digest(fd, path, NULL, digest, err) < 0)
                return -1;
        return strcmp(digest, c->sha256)
                       ? sv_fail(err, SV_PROOF, "copies.changed",
                                 "the copy of disk \"%s\" has other bytes than were backed up: "
                                 "expected SHA-256 %s, found %s",
                                 c->id, c->sha256, digest)
                       : 0;
}

static int copy_back(struct work *w, size_t i, struct sv_err *err)
{
        const struct sv_site *p = w->r->site;
        SV_STR path = new_path(p->disks[i].path);
        SV_FD to = sv_owner_open(p->guest, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
        struct sv_part part;

        if (to < 0)
                return sv_fail_errno(err, "snapshot.room", "%s%s", path, sv_owner_note(p->guest));
        sv_part_begin(&part, w->r->progress, w->done, w->total);
        if (sv_copy_data(w->from[i], to, w->copies[i]->bytes, &part.progress, err) < 0)
                return sv_wrap(err, "%s: the guest's disks are as they were", path);
        if (take_over_mode(w->old[i], to, p->disks[i].path, err) < 0)
                return -1;
        if (fsync(to) < 0 || sv_owner_call(p->guest, sync_name, path) < 0)
                return sv_fail_errno(err, "snapshot.room", "%s", path);
        w->done += (uint64_t)w->copies[i]->bytes;
        if (check_written(w->copies[i], to, path, err) < 0)
                return -1;
        if (!w->r->changes)
                return 0;
        if (sv_chain_apply(w->r->changes, w->copies[i]->id, to, err) < 0)
                return sv_wrap(err, "the guest's disks are as they were");
        return fsync(to) < 0 ? sv_fail_errno(err, "snapshot.room", "%s", path) : 0;
}

static int copy_all(struct work *w, struct sv_err *err)
{
        const struct sv_site *p = w->r->site;

        if (note_revert(p, w->mtimes, false, err) < 0)
                return -1;
        for (size_t i = 0; i < p->n; i++)
                if (copy_back(w, i, err) < 0)
                        return -1;
        /* from here on it happens, whoever is killed */
        return p->n > 1 ? note_revert(p, w->mtimes, true, err) : 0;
}

/* Of one disk no journal says "renaming": the next command would take the copy away. */
static int rename_one(const struct sv_site *p, struct sv_err *err)
{
        const char *path = p->disks[0].path;
        SV_STR new = new_path(path);
        int why = sv_owner_call(p->guest, rename_new, (void *)path) < 0 ? errno : 0;
        bool old = why && is_there(p, new);

        settle_site(p, NULL);
        errno = why;
        if (!why)
                return 0;
        return sv_fail_errno(err, "snapshot.folder",
                             old ? "the copy cannot become %s; the disk is as it was"
                                 : "%s is as asked for; a loss of power may undo that",
                             path);
}

static int rename_all(const struct sv_site *p, struct sv_err *err)
{
        for (size_t i = 0; i < p->n; i++)
                if (give_name(p, p->disks[i].path, err) < 0)
                        return -1;
        remove_journal(p);
        return 0;
}

/* A journal that may say "renaming" although its writing failed is believed. */
static int give_up(const struct sv_site *p)
{
        settle_site(p, NULL);
        return -1;
}

static int do_revert(struct work *w, struct sv_err *err)
{
        const struct sv_site *p = w->r->site;

        if (read_saved(w->r, &w->set, err) < 0 || match_disks(w, err) < 0)
                return -1;
        for (size_t i = 0; i < p->n; i++)
                if (check_copy(w, i, err) < 0)
                        return -1;
        if (sv_site_hold(p, w->r->may_miss, w->old, err) < 0)
                return -1;
        for (size_t i = 0; i < p->n; i++)
                if (check_old(w, i, err) < 0)
                        return -1;
        if (copy_all(w, err) < 0)
                return give_up(p);
        return p->n > 1 ? rename_all(p, err) : rename_one(p, err);
}

int sv_revert_disks(const struct sv_revert *r, struct sv_err *err)
{
        struct work w = {.r = r};
        int done;

        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                w.from[i] = w.old[i] = -1;
        done = do_revert(&w, err);
        sv_site_let_go(w.from);
        sv_site_let_go(w.old);
        return done;
}
