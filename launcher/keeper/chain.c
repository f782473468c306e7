/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/chain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "image/qcow2.h"
#include "launcher/keeper/copying.h"

void sv_chain_free(struct sv_chain *c)
{
        for (size_t i = 0; i < c->n; i++)
                free(c->links[i].path);
        free(c->links);
        *c = (struct sv_chain){0};
}

/* --- which there are --- */

static int read_link(const char *path, struct sv_link *out, struct sv_err *err)
{
        SV_STR list = sv_asprintf("%s/%s", path, SV_SAVED_FILE);
        SV_BUF text = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];

        if (access(list, F_OK) < 0)
                return sv_fail_errno(err, "copies.absent", "%s", list);
        if (sv_file_read(list, SV_SAVED_SIZE_MAX, &text, "copies.format", err) < 0)
                return -1;
        if (sv_saved_parse(sv_buf_bytes(&text), &out->set, err) < 0)
                return sv_wrap(err, "%s", list);
        if (sv_digest(SV_SHA256, sv_buf_bytes(&text), digest, err) < 0)
                return -1;
        sv_hex(sv_bytes(digest, 32), out->digest);
        return 0;
}

/* The largest number that a folder in it has; 0: none. */
static int find_last(const char *folder, size_t *out, struct sv_err *err)
{
        DIR *dir = opendir(folder);

        *out = 0;
        if (!dir)
                return sv_fail_errno(err, "copies.absent", "%s", folder);
        for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
                uint64_t number;

                if (sv_bytes_number(sv_bytes_str(e->d_name), SV_BACKUP_LINKS_MAX, &number) &&
                    number > *out)
                        *out = (size_t)number;
        }
        closedir(dir);
        return 0;
}

static bool has_same_disks(const struct sv_saved *a, const struct sv_saved *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (strcmp(a->disks[i].id, b->disks[i].id) ||
                    a->disks[i].bytes != b->disks[i].bytes)
                        return false;
        return true;
}

static int check_place(const struct sv_chain *c, size_t i, struct sv_err *err)
{
        const struct sv_link *link = &c->links[i];
        const struct sv_saved *set = &link->set;

        if (set->number != (int64_t)i)
                return sv_fail(err, SV_PROOF, "backup.chain",
                               "%s was made as copy %lld of a backup, not as copy %zu: name the "
                               "folder that it was made in, or put back what was there",
                               link->path, (long long)set->number, i);
        if (i && strcmp(set->guest, c->links[0].set.guest))
                return sv_fail(err, SV_PROOF, "backup.chain", "%s is of guest %s, the first of %s",
                               link->path, set->guest, c->links[0].set.guest);
        if (!*set->since)
                return 0;
        if (!strcmp(set->since, c->links[i - 1].digest) &&
            has_same_disks(set, &c->links[i - 1].set))
                return 0;
        return sv_fail(err, SV_PROOF, "backup.chain",
                       "%s has what changed since another copy than the one in %s (copies.json: "
                       "expected SHA-256 %s, found %s): put back the one that was there",
                       link->path, c->links[i - 1].path, set->since, c->links[i - 1].digest);
}

static int read_links(const char *folder, struct sv_chain *c, size_t n, struct sv_err *err)
{
        for (size_t i = 0; i < n; i++) {
                struct sv_link *link = &c->links[i];

                link->path = i ? sv_asprintf("%s/%zu", folder, i) : sv_asprintf("%s", folder);
                c->n = i + 1;
                if (i && access(link->path, F_OK) < 0 && errno == ENOENT)
                        return sv_fail(err, SV_PROOF, "backup.chain",
                                       "%s is not there, and %s/%zu was made after it: put it back",
                                       link->path, folder, n - 1);
                if (read_link(link->path, link, err) < 0 || check_place(c, i, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_chain_read(const char *folder, size_t last, struct sv_chain *out, struct sv_err *err)
{
        SV_CHAIN c = {0};
        size_t there;

        if (find_last(folder, &there, err) < 0)
                return -1;
        if (last != SV_CHAIN_ALL && last > there)
                return sv_fail(err, SV_USAGE, "backup.number",
                               "there is no copy %zu in %s: the last is %zu", last, folder, there);
        if (last == SV_CHAIN_ALL)
                last = there;
        c.links = calloc(last + 1, sizeof(*c.links));
        if (!c.links)
                return sv_fail_errno(err, "base.memory", "no memory for the list of copies");
        if (read_links(folder, &c, last + 1, err) < 0)
                return -1;
        *out = c;
        c = (struct sv_chain){0};
        return 0;
}

size_t sv_chain_base(const struct sv_chain *c)
{
        size_t at = c->n - 1;

        while (at && *c->links[at].set.since)
                at--;
        return at;
}

/* --- their files --- */

/* *stored bytes; the caller closes *fd. */
static int open_file(const struct sv_link *link, size_t disk, int *fd, struct sv_err *err)
{
        struct sv_saved_disk expected = link->set.disks[disk];
        SV_STR name = sv_saved_file(&link->set, disk);
        SV_STR path = sv_asprintf("%s/%s", link->path, name);
        SV_FD got = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        struct stat st;

        if (!*expected.sha256)
                return sv_fail(err, SV_FORMAT, "backup.digest",
                               "%s says no digest of disk \"%s\": this is a snapshot, no backup",
                               link->path, expected.id);
        if (expected.stored)
                expected.bytes = expected.stored;
        if (sv_copy_check_file(got, path, &expected, &st, err) < 0)
                return -1;
        *fd = got;
        got = -1;
        return 0;
}

int sv_chain_look(const struct sv_chain *c, struct sv_err *err)
{
        for (size_t i = sv_chain_base(c); i < c->n; i++)
                for (size_t k = 0; k < c->links[i].set.n; k++) {
                        SV_FD fd = -1;

                        if (open_file(&c->links[i], k, &fd, err) < 0)
                                return -1;
                }
        return 0;
}

static int check_file_digest(const struct sv_link *link, size_t disk, int fd, struct sv_err *err)
{
        const struct sv_saved_disk *expected = &link->set.disks[disk];
        SV_STR name = sv_saved_file(&link->set, disk);
        SV_STR path = sv_asprintf("%s/%s", link->path, name);
        char digest[65];

        if (sv_copy_digest(fd, path, NULL, digest, err) < 0)
                return -1;
        if (!strcmp(digest, expected->sha256))
                return 0;
        return sv_fail(err, SV_PROOF, "copies.changed", "%s: expected SHA-256 %s, found %s", path,
                       expected->sha256, digest);
}

static uint64_t count_file_bytes(const struct sv_saved_disk *d)
{
        return (uint64_t)(d->stored ? d->stored : d->bytes);
}

int sv_chain_check(const struct sv_chain *c, struct sv_progress *progress, struct sv_err *err)
{
        uint64_t total = 0, done = 0;

        for (size_t i = 0; i < c->n; i++)
                for (size_t k = 0; k < c->links[i].set.n; k++)
                        total += count_file_bytes(&c->links[i].set.disks[k]);
        for (size_t i = 0; i < c->n; i++)
                for (size_t k = 0; k < c->links[i].set.n; k++) {
                        SV_FD fd = -1;

                        if (open_file(&c->links[i], k, &fd, err) < 0 ||
                            check_file_digest(&c->links[i], k, fd, err) < 0)
                                return -1;
                        done += count_file_bytes(&c->links[i].set.disks[k]);
                        sv_progress_seen(progress, done, total);
                }
        return 0;
}

/* --- the disks as they were --- */

static size_t find_saved_disk(const struct sv_saved *c, const char *id)
{
        for (size_t i = 0; i < c->n; i++)
                if (!strcmp(c->disks[i].id, id))
                        return i;
        return c->n;
}

static int open_changes(const struct sv_link *link, const char *id, size_t *disk, int *fd,
                        struct sv_qcow2 *q, struct sv_err *err)
{
        *disk = find_saved_disk(&link->set, id);
        if (*disk == link->set.n)
                return sv_fail(err, SV_PROOF, "backup.chain", "%s has no disk \"%s\"", link->path,
                               id);
        if (open_file(link, *disk, fd, err) < 0 || sv_qcow2_open(*fd, link->path, q, err) < 0)
                return -1;
        if (q->size == (uint64_t)link->set.disks[*disk].bytes)
                return 0;
        return sv_fail(err, SV_PROOF, "copies.changed",
                       "%s: the changes of \"%s\" are of a disk of %llu bytes, expected %lld",
                       link->path, id, (unsigned long long)q->size,
                       (long long)link->set.disks[*disk].bytes);
}

int sv_chain_apply(const struct sv_chain *c, const char *id, int to, struct sv_err *err)
{
        for (size_t i = sv_chain_base(c) + 1; i < c->n; i++) {
                SV_FD fd = -1;
                struct sv_qcow2 q;
                size_t disk;

                if (open_changes(&c->links[i], id, &disk, &fd, &q, err) < 0 ||
                    check_file_digest(&c->links[i], disk, fd, err) < 0 ||
                    sv_qcow2_apply(&q, to, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_chain_apply_head(const struct sv_chain *c, const char *id, uint8_t *head, size_t n,
                        struct sv_err *err)
{
        for (size_t i = sv_chain_base(c) + 1; i < c->n; i++) {
                SV_FD fd = -1;
                struct sv_qcow2 q;
                size_t disk;

                if (open_changes(&c->links[i], id, &disk, &fd, &q, err) < 0 ||
                    sv_qcow2_apply_head(&q, head, n, err) < 0)
                        return -1;
        }
        return 0;
}
