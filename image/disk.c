/* SPDX-License-Identifier: Apache-2.0 */
#include "image/disk.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/run.h"

#define MIB   (1ull << 20)
#define BLOCK 4096

static bool has_suffix(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && strcmp(s + n - m, suffix) == 0;
}

int sv_disk_kind(const char *path, enum sv_disk_from *kind, struct sv_err *err)
{
        static const char *const names[] = {".tar",    ".tar.gz",  ".tgz",
                                            ".tar.xz", ".tar.zst", ".tar.bz2"};
        uint8_t head[512] = {0};
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
        if (pread(fd, head, sizeof(head), 0) < 0)
                return sv_fail_errno(err, "image.from", "cannot read %s", path);
        *kind = memcmp(head + 257, "ustar", 5) == 0 ? SV_DISK_TAR : SV_DISK_RAW;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (has_suffix(path, names[i]))
                        *kind = SV_DISK_TAR;
        return 0;
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

/* `state` is what fakeroot remembered of the unpacking; NULL: owners as they are. */
static int make_ext4(const char *dir, const char *state, uint64_t size, const char *out,
                     struct sv_err *err)
{
        SV_STR blocks = NULL;
        const char *argv[24];
        int n = 0;

        if (!size && choose_size(dir, &size, err) < 0)
                return -1;
        blocks = sv_asprintf("%llu", (unsigned long long)(size / BLOCK));
        if (state) {
                argv[n++] = "fakeroot";
                argv[n++] = "-i";
                argv[n++] = state;
                argv[n++] = "--";
        }
        /* Nothing lazy: what the guest would have to finish later is cheaper here. */
        const char *const mkfs[] = {"mke2fs",
                                    "-q",
                                    "-F",
                                    "-t",
                                    "ext4",
                                    "-b",
                                    "4096",
                                    "-m",
                                    "1",
                                    "-L",
                                    "root",
                                    "-E",
                                    "lazy_itable_init=0,lazy_journal_init=0",
                                    "-d",
                                    dir,
                                    out,
                                    blocks,
                                    NULL};

        for (size_t i = 0; i < sizeof(mkfs) / sizeof(mkfs[0]); i++)
                argv[n++] = mkfs[i];
        if (truncate(out, (off_t)(size / BLOCK * BLOCK)) < 0)
                return sv_fail_errno(err, "image.filesystem", "cannot size %s", out);
        return sv_run(argv, "image.filesystem", err);
}

static int make_from_tar(const char *tar, uint64_t size, const char *tmp_dir, const char *out,
                         struct sv_err *err)
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
        return make_ext4(tree, state, size, out, err);
}

static int make_from_raw(const char *raw, uint64_t size, const char *out, struct sv_err *err)
{
        struct stat st;

        /* The copy makes its file itself. */
        if (unlink(out) < 0)
                return sv_fail_errno(err, "image.filesystem", "cannot replace %s", out);
        if (sv_file_copy(raw, out, 0600, err) < 0)
                return -1;
        if (stat(out, &st) < 0)
                return sv_fail_errno(err, "image.filesystem", "cannot look at %s", out);
        if (size && size < (uint64_t)st.st_size)
                return sv_fail(err, SV_USAGE, "image.size",
                               "--size is below the size of %s, %lld bytes", raw,
                               (long long)st.st_size);
        if (!size)
                size = (uint64_t)st.st_size;
        size = (size + BLOCK - 1) / BLOCK * BLOCK;
        if (truncate(out, (off_t)size) < 0)
                return sv_fail_errno(err, "image.filesystem", "cannot size %s", out);
        return 0;
}

int sv_disk_make(const char *from, enum sv_disk_from kind, uint64_t size, const char *tmp_dir,
                 const char *out, struct sv_err *err)
{
        if (kind != SV_DISK_RAW && size && size < 8 * MIB)
                return sv_fail(err, SV_USAGE, "image.size",
                               "a file system below 8 MiB holds nothing: give a larger --size");
        switch (kind) {
        case SV_DISK_DIR:
                return make_ext4(from, NULL, size, out, err);
        case SV_DISK_TAR:
                return make_from_tar(from, size, tmp_dir, out, err);
        case SV_DISK_RAW:
                return make_from_raw(from, size, out, err);
        }
        return sv_fail(err, SV_USAGE, "image.from", "unknown kind of source");
}
