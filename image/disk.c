/* SPDX-License-Identifier: Apache-2.0 */
#include "image/disk.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/container.h"
#include "image/run.h"
#include "image/scratch.h"

#define MIB   (1ull << 20)
#define BLOCK 4096

static bool has_suffix(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && strcmp(s + n - m, suffix) == 0;
}

/* A guest mounts the disk: what is in it must be a file system from its first byte on. */
static int check_raw(const char *path, struct sv_bytes head, struct sv_err *err)
{
        struct sv_container c = sv_container_of(head);
        const char *table = sv_container_table(head);

        if (c.name)
                return sv_fail(err, SV_USAGE, "image.container",
                               "%s is a %s, where the bytes of a file system were expected%s", path,
                               c.name,
                               c.driver ? ": \"secure-vm image import\" takes the root out of it"
                                        : "");
        if (table)
                return sv_fail(err, SV_USAGE, "image.partitions",
                               "%s is a disk with partitions (%s), where the bytes of one file "
                               "system were expected: \"secure-vm image import\" takes the root "
                               "out of it",
                               path, table);
        return 0;
}

static int read_raw_head(const char *path, int fd, struct sv_buf *head, struct sv_err *err)
{
        uint8_t *p = sv_buf_grow(head, SV_CONTAINER_HEAD);
        ssize_t n = p ? pread(fd, p, SV_CONTAINER_HEAD, 0) : 0;

        if (n < 0)
                return sv_fail_errno(err, "image.from", "cannot read %s", path);
        if (sv_buf_ok(head, "the image's beginning", err) < 0)
                return -1;
        head->n = (size_t)n;
        return 0;
}

static bool is_tar(const char *path, struct sv_bytes head)
{
        static const char *const names[] = {".tar",    ".tar.gz",  ".tgz",
                                            ".tar.xz", ".tar.zst", ".tar.bz2"};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (has_suffix(path, names[i]))
                        return true;
        return head.n >= 262 && memcmp(head.p + 257, "ustar", 5) == 0;
}

int sv_disk_kind(const char *path, enum sv_disk_from *kind, struct sv_err *err)
{
        SV_BUF head = SV_BUF_NULL;
        struct stat st;
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) < 0)
                return sv_fail_errno(err, "image.from", "cannot open %s", path);
        if (S_ISDIR(st.st_mode)) {
                *kind = SV_DISK_DIR;
                return 0;
        }
        if (!S_ISREG(st.st_mode))
                return sv_fail(err, SV_USAGE, "image.from", "%s is neither a directory nor a file",
                               path);
        if (read_raw_head(path, fd, &head, err) < 0)
                return -1;
        *kind = is_tar(path, sv_buf_bytes(&head)) ? SV_DISK_TAR : SV_DISK_RAW;
        return *kind == SV_DISK_RAW ? check_raw(path, sv_buf_bytes(&head), err) : 0;
}

/* nftw has no argument for its caller. */
static __thread uint64_t tree_bytes;

static int count_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        /* A block for the inode and the directory entry is generous; it pays for extents and
         * bitmaps too. */
        tree_bytes +=
                BLOCK +
                (S_ISREG(st->st_mode) ? ((uint64_t)st->st_size + BLOCK - 1) / BLOCK * BLOCK : 0);
        return 0;
}

static int choose_size(const char *dir, uint64_t *size, struct sv_err *err)
{
        tree_bytes = 0;
        if (nftw(dir, count_entry, 32, FTW_PHYS) != 0)
                return sv_fail_errno(err, "image.from", "cannot walk through %s", dir);
        *size = (tree_bytes + tree_bytes / 4 + 64 * MIB) / MIB * MIB;
        return 0;
}

/* Where a file system is made: in the file, from `first` on. */
struct place {
        int fd;
        uint64_t first, size;
};

/* `state` is what fakeroot remembered of the unpacking; NULL: owners as they are. */
static int make_from_dir(const char *dir, const char *state, enum sv_filesystem type,
                         struct place *p, struct sv_err *err)
{
        if (!p->size && choose_size(dir, &p->size, err) < 0)
                return -1;
        p->size = p->size / BLOCK * BLOCK;
        return sv_filesystem_make(type, dir, state, p->fd, p->first, p->size, err);
}

static int unpack_and_make(const char *tar, const char *tmp_dir, enum sv_filesystem type,
                           struct place *p, struct sv_err *err)
{
        SV_STR tree = sv_asprintf("%s/tree", tmp_dir);
        SV_STR state = sv_asprintf("%s/owners", tmp_dir);
        /* fakeroot: owners and device nodes are remembered beside the tree, and mke2fs is told the
         * same tale. */
        const char *const untar[] = {"fakeroot",
                                     "-s",
                                     state,
                                     "--",
                                     "tar",
                                     "--extract",
                                     "--file",
                                     tar,
                                     "--directory",
                                     tree,
                                     "--numeric-owner",
                                     "--same-owner",
                                     "--preserve-permissions",
                                     "--xattrs",
                                     "--xattrs-include=security.capability",
                                     NULL};

        if (sv_mkdirs(tree, 0755, err) < 0 || sv_run(untar, "image.unpack", err) < 0)
                return -1;
        return make_from_dir(tree, state, type, p, err);
}

static int make_from_tar(const char *tar, enum sv_filesystem type, struct place *p,
                         struct sv_err *err)
{
        struct sv_scratch scratch;
        int r;

        if (sv_scratch_make(NULL, &scratch, err) < 0)
                return -1;
        r = unpack_and_make(tar, scratch.dir, type, p, err);
        sv_scratch_remove(&scratch);
        return r;
}

static uint64_t round_up(uint64_t size)
{
        return (size + BLOCK - 1) / BLOCK * BLOCK;
}

static int open_raw(const struct sv_disk_in *in, struct sv_plain *p, struct sv_err *err)
{
        SV_FD fd = open(in->from, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return sv_fail_errno(err, "image.from", "cannot open %s", in->from);
        if (in->size && in->size < (uint64_t)st.st_size)
                return sv_fail(err, SV_USAGE, "image.size",
                               "--size is below the size of %s, %lld bytes", in->from,
                               (long long)st.st_size);
        p->source = sv_source_file(fd, 0, round_up(in->size ? in->size : (uint64_t)st.st_size));
        p->fd = fd;
        fd = -1;
        return 0;
}

static int take_source(const struct sv_disk_in *in, struct sv_plain *plain, struct sv_err *err)
{
        struct sv_source s = *in->source;

        if (in->size && in->size < s.size)
                return sv_fail(err, SV_USAGE, "image.size",
                               "--size leaves %llu bytes for a file system of %llu",
                               (unsigned long long)in->size, (unsigned long long)s.size);
        if (in->size)
                s.size = in->size / BLOCK * BLOCK;
        *plain = (struct sv_plain){.source = s, .fd = -1};
        return 0;
}

static int make_contents(const struct sv_disk_in *in, struct place *p, struct sv_err *err)
{
        return in->kind == SV_DISK_TAR ? make_from_tar(in->from, in->filesystem, p, err)
                                       : make_from_dir(in->from, NULL, in->filesystem, p, err);
}

int sv_disk_make(const struct sv_disk_in *in, int scratch, uint64_t at, struct sv_plain *plain,
                 struct sv_err *err)
{
        struct place p = {.fd = scratch, .first = at, .size = in->size};
        int fd;

        if (in->kind == SV_DISK_RAW)
                return open_raw(in, plain, err);
        if (in->kind == SV_DISK_SOURCE)
                return take_source(in, plain, err);
        if (make_contents(in, &p, err) < 0)
                return -1;
        fd = fcntl(scratch, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
                return sv_fail_errno(err, "image.filesystem", "cannot keep the file system open");
        *plain = (struct sv_plain){.source = sv_source_file(fd, p.first, p.size), .fd = fd};
        return 0;
}
