/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/chain-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "launcher/keeper/owner.h"
#include "launcher/keeper/qcow2.h"

void sv_chains_free(struct sv_chains *c)
{
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++) {
                free(c->disks[i].path);
                free(c->disks[i].folder);
        }
        *c = (struct sv_chains){0};
}

char *sv_layer_path(const struct sv_disk_chain *d, size_t layer)
{
        const struct sv_layer *l = &d->chain.now.layers[layer];

        return l->id ? sv_asprintf("%s/%u.qcow2", d->folder, l->id) : sv_asprintf("%s", d->path);
}

static int fail_at(struct sv_err *err, const struct sv_chains *c, const char *path)
{
        return sv_fail_errno(err, "snapshot.chain", "%s%s", path, sv_owner_note(c->guest));
}

/* --- reading --- */

/* What the file is really called, so that its chain is found by whatever link leads to it. */
static int find_chained_disk(const struct sv_chains *c, const struct sv_disk *d,
                             struct sv_disk_chain *out, struct sv_err *err)
{
        SV_FD fd = sv_owner_open(c->guest, d->path, O_PATH);
        SV_STR link = sv_asprintf("/proc/self/fd/%d", fd);
        char real[SV_PATH_MAX + 1];
        struct stat st;
        ssize_t n;

        sv_chain_init(&out->chain);
        if (fd < 0 && errno == ENOENT) /* whoever opens it says so; a daemon may be elsewhere */
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return sv_fail_errno(err, "launch.disk", "%s (\"disks\" in the guest file)%s",
                                     d->path, sv_owner_note(c->guest));
        if (d->readonly || !S_ISREG(st.st_mode))
                return 0;
        n = readlink(link, real, sizeof(real) - 1);
        if (n <= 0 || n == sizeof(real) - 1)
                return fail_at(err, c, d->path);
        real[n] = 0;
        out->path = sv_asprintf("%s", real);
        out->folder = sv_asprintf("%s.snapshots", real);
        return 0;
}

static int read_chain(const struct sv_chains *c, struct sv_disk_chain *d, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/chain.json", d->folder);
        SV_FD fd = sv_owner_open(c->guest, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        SV_BUF text = SV_BUF_NULL;

        if (fd < 0)
                return errno == ENOENT ? 0 : fail_at(err, c, path);
        if (sv_fd_read(fd, path, SV_CHAIN_SIZE_MAX, &text, "snapshot.chain", err) < 0)
                return -1;
        return sv_chain_parse(sv_buf_bytes(&text), &d->chain, err) < 0 ? sv_wrap(err, "%s", path)
                                                                       : 0;
}

int sv_chains_read(const struct sv_guest *g, struct sv_chains *out, struct sv_err *err)
{
        struct sv_chains c = {.guest = g};

        for (size_t i = 0; i < g->n_disks; i++) {
                struct sv_disk_chain *d = &c.disks[i];

                if (find_chained_disk(&c, &g->disks[i], d, err) < 0 ||
                    (d->path && read_chain(&c, d, err) < 0)) {
                        sv_chains_free(&c);
                        return -1;
                }
        }
        *out = c;
        return 0;
}

bool sv_chains_are_plain(const struct sv_chains *c)
{
        for (size_t i = 0; i < c->guest->n_disks; i++)
                if (c->disks[i].path && !sv_chain_is_plain(&c->disks[i].chain))
                        return false;
        return true;
}

/* --- is it as it was left? --- */

static int64_t find_mtime(const struct stat *st)
{
        return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* "17.qcow2" -> 17; 0 when that is no layer's file. */
static unsigned parse_layer_name(const char *name)
{
        char *end;
        unsigned long id = strtoul(name, &end, 10);

        return *name > '0' && *name <= '9' && !strcmp(end, ".qcow2") && id < UINT32_MAX / 2
                       ? (unsigned)id
                       : 0;
}

/* What it lies over stands in the chain; the name in its header may be that of a layer that was
 * merged since. An overlay of another disk would show the guest a mixture. */
static int check_overlay(const struct sv_disk_chain *d, int fd, const char *path,
                         struct sv_err *err)
{
        const char *name = strrchr(d->path, '/') + 1, *backing;
        uint8_t head[SV_QCOW2_HEAD];
        ssize_t n = pread(fd, head, sizeof(head), 0);
        struct sv_qcow2 q;

        if (n < 0)
                return sv_fail_errno(err, "snapshot.layer", "%s", path);
        if (sv_qcow2_parse(sv_bytes(head, (size_t)n), &q, err) < 0)
                return sv_wrap(err, "%s", path);
        backing = strrchr(q.backing, '/');
        backing = backing ? backing + 1 : q.backing;
        if (!strcmp(backing, name) || parse_layer_name(backing))
                return 0;
        return sv_fail(err, SV_SYSTEM, "snapshot.layer",
                       "%s was expected to be an overlay of %s, found one of \"%s\": another "
                       "program has changed it, or the disk's file was renamed; put it back",
                       path, name, backing);
}

static int check_layer(const struct sv_chains *c, const struct sv_disk_chain *d, size_t layer,
                       struct sv_err *err)
{
        const struct sv_layer *l = &d->chain.now.layers[layer];
        SV_STR path = sv_layer_path(d, layer);
        SV_FD fd = sv_owner_open(c->guest, path, O_RDONLY | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return sv_fail_errno(err, "snapshot.layer",
                                     "%s, which the disk with its snapshots consists of%s", path,
                                     sv_owner_note(c->guest));
        if (!S_ISREG(st.st_mode))
                return sv_fail(err, SV_SYSTEM, "snapshot.layer", "%s is no file", path);
        if (l->mtime && (l->mtime != find_mtime(&st) || l->size != st.st_size))
                return sv_fail(err, SV_PROOF, "snapshot.changed",
                               "%s was frozen when snapshot \"%s\" was taken, and somebody has "
                               "changed it since: what lies over it does not fit any more. Put it "
                               "back from a backup; if its bytes are as they were, \"touch -d "
                               "@%lld.%09lld\" on it says so",
                               path, l->name, (long long)(l->mtime / 1000000000),
                               (long long)(l->mtime % 1000000000));
        return l->id ? check_overlay(d, fd, path, err) : 0;
}

int sv_chain_check(struct sv_chains *c, size_t disk, size_t layer, struct sv_err *err)
{
        const struct sv_disk_chain *d = &c->disks[disk];

        for (int i = (int)layer; i >= 0; i = d->chain.now.layers[i].parent)
                if (check_layer(c, d, (size_t)i, err) < 0)
                        return -1;
        return 0;
}

/* --- writing --- */

struct writing {
        const struct sv_disk_chain *d;
        struct sv_bytes text;
        struct sv_err *err;
};

static int write_chain_file(void *arg)
{
        const struct writing *w = arg;
        SV_STR path = sv_asprintf("%s/chain.json", w->d->folder);

        if (sv_file_write(path, 0644, w->text, w->err) < 0)
                return -1;
        return sv_folder_sync(path) < 0 ? sv_fail_errno(w->err, "snapshot.chain", "%s", path) : 0;
}

/* Whole or not at all: whoever is killed leaves the chain of before or this one. */
static int write_chain(const struct sv_chains *c, const struct sv_disk_chain *d, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        struct writing w = {.d = d, .err = err};

        sv_chain_print(&d->chain, &text);
        if (sv_buf_ok(&text, "the chain of a disk", err) < 0)
                return -1;
        w.text = sv_buf_bytes(&text);
        return sv_owner_call(c->guest, write_chain_file, &w);
}

/* What a killed writer left: sv_file_write renames when all is written. */
static bool is_leftover(const char *name)
{
        return !strncmp(name, "chain.json.", 11) || strstr(name, ".qcow2.");
}

/* Emptied first: a QEMU that had the file may have it open until it ends. */
static void remove_file_at(int folder, const char *name)
{
        SV_FD fd = openat(folder, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        unlinkat(folder, name, 0);
}

static int remove_unused(void *arg)
{
        const struct sv_disk_chain *d = arg;
        DIR *dir = opendir(d->folder);
        struct dirent *e;

        while (dir && (e = readdir(dir))) {
                unsigned id = parse_layer_name(e->d_name);

                if ((id && !sv_tree_has(&d->chain.now, id) &&
                     !(d->chain.changing && sv_tree_has(&d->chain.next, id))) ||
                    is_leftover(e->d_name))
                        remove_file_at(dirfd(dir), e->d_name);
        }
        if (dir && sv_chain_is_plain(&d->chain)) {
                unlinkat(dirfd(dir), "chain.json", 0);
                rmdir(d->folder);
        }
        if (dir)
                closedir(dir);
        return 0;
}

/* Frozen files whose state is not written down yet; nobody writes to them. */
static void note_frozen(const struct sv_chains *c, struct sv_disk_chain *d)
{
        struct sv_tree *t = &d->chain.now;

        for (size_t i = 0; i < t->n; i++) {
                SV_STR path = sv_layer_path(d, i);
                SV_FD fd = -1;
                struct stat st;

                if (i == t->active)
                        t->layers[i].size = t->layers[i].mtime = 0;
                if (i == t->active || sv_tree_may_change(t, i) || t->layers[i].mtime)
                        continue;
                fd = sv_owner_open(c->guest, path, O_RDONLY | O_NONBLOCK);
                if (fd < 0 || fstat(fd, &st) < 0)
                        continue;
                t->layers[i].size = st.st_size;
                t->layers[i].mtime = find_mtime(&st);
        }
}

int sv_chain_write(struct sv_chains *c, size_t disk, struct sv_err *err)
{
        struct sv_disk_chain *d = &c->disks[disk];

        note_frozen(c, d);
        if (write_chain(c, d, err) < 0)
                return -1;
        return sv_owner_call(c->guest, remove_unused, d);
}

static int write_prepared(void *arg)
{
        const struct writing *w = arg;
        SV_STR path = sv_asprintf("%s/chain.json.ready", w->d->folder);

        return sv_file_write(path, 0644, w->text, w->err);
}

int sv_chain_prepare(struct sv_chains *c, size_t disk, const struct sv_tree *after,
                     struct sv_err *err)
{
        const struct sv_chain chain = {.now = *after};
        SV_BUF text = SV_BUF_NULL;
        struct writing w = {.d = &c->disks[disk], .err = err};

        sv_chain_print(&chain, &text);
        if (sv_buf_ok(&text, "the chain of a disk", err) < 0)
                return -1;
        w.text = sv_buf_bytes(&text);
        return sv_owner_call(c->guest, write_prepared, &w);
}

static int take_prepared(void *arg)
{
        const struct writing *w = arg;
        SV_STR path = sv_asprintf("%s/chain.json", w->d->folder);
        SV_STR ready = sv_asprintf("%s.ready", path);

        if (rename(ready, path) < 0 || sv_folder_sync(path) < 0)
                return sv_fail_errno(w->err, "snapshot.chain", "%s", path);
        return 0;
}

int sv_chain_switch(struct sv_chains *c, size_t disk, const struct sv_tree *after,
                    struct sv_err *err)
{
        struct writing w = {.d = &c->disks[disk], .err = err};

        if (sv_owner_call(c->guest, take_prepared, &w) < 0)
                return -1;
        c->disks[disk].chain.now = *after;
        return 0;
}

/* --- a change of all disks --- */

struct making {
        const struct sv_disk_chain *d;
        const char *path;
        struct sv_bytes bytes;
        struct sv_err *err;
};

static int make_overlay_file(void *arg)
{
        const struct making *m = arg;

        if (mkdir(m->d->folder, 0711) < 0 && errno != EEXIST)
                return sv_fail_errno(m->err, "snapshot.room", "%s", m->d->folder);
        if (sv_folder_sync(m->d->folder) < 0)
                return sv_fail_errno(m->err, "snapshot.room", "%s", m->d->folder);
        if (sv_file_write(m->path, 0600, m->bytes, m->err) < 0)
                return -1;
        return sv_folder_sync(m->path) < 0 ? sv_fail_errno(m->err, "snapshot.room", "%s", m->path)
                                           : 0;
}

/* As long as what it lies over is, as a guest sees that. */
static int find_size(const struct sv_chains *c, const struct sv_disk_chain *d, size_t layer,
                     uint64_t *size, struct sv_err *err)
{
        SV_STR path = sv_layer_path(d, layer);
        SV_FD fd = sv_owner_open(c->guest, path, O_RDONLY | O_NONBLOCK);
        uint8_t head[SV_QCOW2_HEAD];
        struct sv_qcow2 q;
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return sv_fail_errno(err, "snapshot.layer", "%s", path);
        *size = (uint64_t)st.st_size & ~511ull;
        if (!d->chain.now.layers[layer].id)
                return 0;
        n = pread(fd, head, sizeof(head), 0);
        if (n < 0 || sv_qcow2_parse(sv_bytes(head, (size_t)n), &q, err) < 0)
                return n < 0 ? sv_fail_errno(err, "snapshot.layer", "%s", path)
                             : sv_wrap(err, "%s", path);
        *size = q.size;
        return 0;
}

static int make_overlay(const struct sv_chains *c, const struct sv_disk_chain *d,
                        struct sv_err *err)
{
        const struct sv_tree *next = &d->chain.next;
        const struct sv_layer *new = &next->layers[next->active];
        unsigned below = next->layers[new->parent].id;
        SV_STR path = sv_asprintf("%s/%u.qcow2", d->folder, new->id);
        SV_STR backing = below ? sv_asprintf("%u.qcow2", below)
                               : sv_asprintf("../%s", strrchr(d->path, '/') + 1);
        struct making m = {.d = d, .path = path};
        struct sv_err why = SV_ERR_NULL;
        SV_BUF bytes = {.max = 64u << 20};
        uint64_t size = 0;
        size_t at = 0;

        while (at < d->chain.now.n && d->chain.now.layers[at].id != below)
                at++;
        if (find_size(c, d, at, &size, err) < 0)
                return -1;
        if (sv_qcow2_print(backing, below ? "qcow2" : "raw", size, &bytes, err) < 0)
                return -1;
        m.bytes = sv_buf_bytes(&bytes);
        m.err = &why;
        if (sv_owner_call(c->guest, make_overlay_file, &m) < 0)
                return sv_fail(err, SV_SYSTEM, "snapshot.room",
                               "no file can be made beside the disk for what its guest writes: "
                               "%s%s",
                               why.msg, sv_owner_note(c->guest));
        return 0;
}

static int begin_disk(struct sv_chains *c, struct sv_disk_chain *d, const char *mark, bool creating,
                      struct sv_err *err)
{
        snprintf(d->chain.next.mark, sizeof(d->chain.next.mark), "%s", mark);
        d->chain.changing = true;
        d->chain.creating = creating;
        if (!sv_tree_has(&d->chain.now, d->chain.next.layers[d->chain.next.active].id) &&
            make_overlay(c, d, err) < 0)
                return -1;
        return write_chain(c, d, err);
}

int sv_chains_begin(struct sv_chains *c, bool creating, struct sv_err *err)
{
        uint8_t random[16];
        char mark[33];

        if (sv_random(random, sizeof(random), err) < 0)
                return -1;
        sv_hex(sv_bytes(random, sizeof(random)), mark);
        for (size_t i = 0; i < c->guest->n_disks; i++)
                if (c->disks[i].path && begin_disk(c, &c->disks[i], mark, creating, err) < 0) {
                        sv_chains_undo(c);
                        return -1;
                }
        return 0;
}

int sv_chains_commit(struct sv_chains *c, struct sv_err *err)
{
        /* The first that is written decides for all: what follows is done by who comes next. */
        for (size_t i = 0; i < c->guest->n_disks; i++) {
                struct sv_disk_chain *d = &c->disks[i];

                if (!d->path || !d->chain.changing)
                        continue;
                d->chain.now = d->chain.next;
                d->chain.changing = d->chain.creating = false;
                if (sv_chain_write(c, i, err) < 0)
                        return -1;
        }
        return 0;
}

void sv_chains_undo(struct sv_chains *c)
{
        for (size_t i = 0; i < c->guest->n_disks; i++) {
                struct sv_disk_chain *d = &c->disks[i];

                if (!d->path || !d->chain.changing)
                        continue;
                d->chain.changing = d->chain.creating = false;
                if (write_chain(c, d, NULL) == 0)
                        sv_owner_call(c->guest, remove_unused, d);
        }
}

/* --- who takes the disks --- */

/* Has the guest written there? Only then was the overlay ever in use. What cannot be read was. */
static bool was_written(void *arg, size_t i)
{
        struct sv_chains *c = arg;
        const struct sv_disk_chain *d = &c->disks[i];
        SV_STR path = sv_asprintf("%s/%u.qcow2", d->folder,
                                  d->chain.next.layers[d->chain.next.active].id);
        SV_FD fd = sv_owner_open(c->guest, path, O_RDONLY | O_NONBLOCK);
        uint8_t head[SV_QCOW2_HEAD], entries[4096];
        struct sv_qcow2 q;
        uint64_t left;
        ssize_t n;

        if (fd < 0)
                return errno != ENOENT;
        n = pread(fd, head, sizeof(head), 0);
        if (n < 0 || sv_qcow2_parse(sv_bytes(head, (size_t)n), &q, NULL) < 0)
                return true;
        for (left = (uint64_t)q.l1_entries * 8; left; left -= (uint64_t)n, q.l1 += (uint64_t)n) {
                n = pread(fd, entries, left < sizeof(entries) ? left : sizeof(entries),
                          (off_t)q.l1);
                if (n <= 0 || !sv_bytes_are_zero(sv_bytes(entries, (size_t)n)))
                        return true;
        }
        return false;
}

int sv_chains_settle(struct sv_chains *c, struct sv_err *err)
{
        struct sv_chain *chains[SV_GUEST_DISKS_MAX];
        bool begun[SV_GUEST_DISKS_MAX] = {false}, any = false;

        for (size_t i = 0; i < c->guest->n_disks; i++) {
                chains[i] = &c->disks[i].chain;
                begun[i] = chains[i]->changing;
                any |= begun[i];
        }
        if (!any)
                return 0;
        sv_chain_settle(chains, c->guest->n_disks, was_written, c);
        for (size_t i = 0; i < c->guest->n_disks; i++)
                if (begun[i] && sv_chain_write(c, i, err) < 0)
                        return -1;
        return 0;
}

int sv_chains_take(const struct sv_guest *g, struct sv_chains *out, struct sv_err *err)
{
        SV_CHAINS c = {0};

        if (sv_chains_read(g, &c, err) < 0)
                return -1;
        if (sv_chains_settle(&c, err) < 0)
                return -1;
        for (size_t i = 0; i < g->n_disks; i++)
                if (c.disks[i].path && sv_chain_check(&c, i, c.disks[i].chain.now.active, err) < 0)
                        return -1;
        *out = c;
        c = (struct sv_chains){0};
        return 0;
}

/* --- for a domain --- */

void sv_chain_files(const struct sv_disk_chain *d, size_t disk, struct sv_disk_files *out)
{
        const struct sv_tree *t = &d->chain.now;

        for (int i = (int)t->active; i >= 0; i = t->layers[i].parent) {
                struct sv_layer_file *f = &out->files[out->n++];

                f->path = sv_layer_path(d, (size_t)i);
                sv_layer_group(disk, t->layers[i].id, f->group);
        }
}

void sv_chains_files(const struct sv_chains *c, struct sv_disk_files out[SV_GUEST_DISKS_MAX])
{
        for (size_t i = 0; i < c->guest->n_disks; i++)
                if (c->disks[i].path)
                        sv_chain_files(&c->disks[i], i, &out[i]);
}

void sv_chain_free_files(struct sv_disk_files *f)
{
        for (size_t i = 0; i < f->n; i++)
                free(f->files[i].path);
        f->n = 0;
}

void sv_chains_free_files(struct sv_disk_files files[SV_GUEST_DISKS_MAX])
{
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                sv_chain_free_files(&files[i]);
}
