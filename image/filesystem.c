/* SPDX-License-Identifier: Apache-2.0 */
#include "image/filesystem.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/rd.h"
#include "image/run.h"
#include "image/superblock.h"

#define MIB   (1ull << 20)
#define BLOCK 4096u

int sv_filesystem_parse(const char *name, enum sv_filesystem *out, struct sv_err *err)
{
        if (name && strcmp(name, "ext4") && strcmp(name, "btrfs"))
                return sv_fail(err, SV_USAGE, "image.filesystem",
                               "expected ext4 or btrfs as --filesystem, found \"%.32s\"", name);
        *out = name && !strcmp(name, "btrfs") ? SV_BTRFS : SV_EXT4;
        return 0;
}

static int make_ext4(const char *dir, const char *state, int fd, uint64_t at, uint64_t size,
                     struct sv_err *err)
{
        SV_STR blocks = sv_asprintf("%llu", (unsigned long long)(size / BLOCK));
        /* Nothing lazy: what the guest would have to finish later is cheaper here. */
        SV_STR extended = sv_asprintf("offset=%llu,lazy_itable_init=0,lazy_journal_init=0",
                                      (unsigned long long)at);
        /* clang-format off */
        const char *const argv[] = {
                "fakeroot", "-i", state, "--",
                "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "1", "-L", "root",
                "-E", extended, "-d", dir, SV_RUN_FILE, blocks, NULL,
        };
        /* clang-format on */

        return sv_run_on(argv + (state ? 0 : 4), fd, "image.filesystem", err);
}

/* It makes the file larger rather than say that the contents do not fit. */
static int make_btrfs(const char *dir, const char *state, int fd, uint64_t size, struct sv_err *err)
{
        SV_STR bytes = sv_asprintf("%llu", (unsigned long long)size);
        /* clang-format off */
        const char *const argv[] = {
                "fakeroot", "-i", state, "--",
                "mkfs.btrfs", "-q", "-f", "--csum", "sha256", "-m", "single", "-d", "single",
                "-L", "root", "-b", bytes, "--rootdir", dir, SV_RUN_FILE, NULL,
        };
        /* clang-format on */
        struct stat st;

        if (sv_run_on(argv + (state ? 0 : 4), fd, "image.filesystem", err) < 0)
                return -1;
        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, "image.filesystem", "cannot look at the file system");
        if ((uint64_t)st.st_size != size)
                return sv_fail(err, SV_SYSTEM, "image.filesystem",
                               "the contents need a btrfs of %lld bytes, but it has %llu: give a "
                               "larger --size",
                               (long long)st.st_size, (unsigned long long)size);
        return 0;
}

int sv_filesystem_make(enum sv_filesystem type, const char *dir, const char *state, int fd,
                       uint64_t at, uint64_t size, struct sv_err *err)
{
        const uint64_t least = type == SV_BTRFS ? 45 * MIB : 8 * MIB;

        if (size < least)
                return sv_fail(err, SV_USAGE, "image.size",
                               "a file system below %llu MiB holds nothing: give a larger --size",
                               (unsigned long long)(least / MIB));
        if (ftruncate(fd, (off_t)(at + size)) < 0)
                return sv_fail_errno(err, "image.filesystem", "cannot size the file system");
        return type == SV_BTRFS ? make_btrfs(dir, state, fd, size, err)
                                : make_ext4(dir, state, fd, at, size, err);
}

/* XFS: "XFSB" begins the first sector, the sector's size is at 102, big endian. */
int sv_filesystem_check_blocks(const struct sv_source *s, struct sv_err *err)
{
        uint8_t head[SV_SUPERBLOCK_HEAD];
        struct sv_rd xfs = sv_rd(sv_bytes(head + 102, 2));
        uint64_t size;

        if (s->read(s, 0, head, sizeof(head), err) < 0)
                return -1;
        if (!sv_superblock_is_ext(sv_bytes(head, sizeof(head)), &size))
                size = memcmp(head, "XFSB", 4) == 0 ? sv_rd_u16be(&xfs) : BLOCK;
        if (size >= BLOCK)
                return 0;
        return sv_fail(err, SV_USAGE, "image.block-size",
                       "the image's file system has blocks of %llu bytes, and a disk with "
                       "--integrity has sectors of %u: make it with blocks of %u (mke2fs -b 4096, "
                       "mkfs.xfs -s size=4096)",
                       (unsigned long long)size, BLOCK, BLOCK);
}
