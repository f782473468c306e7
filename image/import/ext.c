/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/ext.h"

#include <et/com_err.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "image/import/ext-io.h"

struct sv_ext {
        struct sv_ext_io io;
        struct sv_source disk; /* all of it */
        uint64_t first;        /* where the file system is */
        ext2_filsys fs;
};

/* Our own error below it says more than the library's about it. */
static int fail_ext(struct sv_ext *e, const char *what, errcode_t code, struct sv_err *err)
{
        if (e->io.err.class) {
                if (err)
                        *err = e->io.err;
                return -1;
        }
        return sv_fail(err, SV_FORMAT, "import.ext", "%s: %s", what, error_message(code));
}

static int read_part(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                     struct sv_err *err)
{
        const struct sv_ext *e = s->arg;

        return e->disk.read(&e->disk, e->first + at, p, n, err);
}

static int span_part(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                     struct sv_err *err)
{
        const struct sv_ext *e = s->arg;

        *kind = SV_SPAN_DATA;
        *end = s->size;
        if (!e->disk.span)
                return 0;
        if (e->disk.span(&e->disk, e->first + at, kind, end, err) < 0)
                return -1;
        *end = *end - e->first < s->size ? *end - e->first : s->size;
        return 0;
}

static uint64_t get_size(const struct sv_ext *e)
{
        return ext2fs_blocks_count(e->fs->super) * e->fs->blocksize;
}

static int check_state(struct sv_ext *e, uint64_t room, struct sv_err *err)
{
        const struct ext2_super_block *super = e->fs->super;

        if (e->fs->blocksize > SV_SOURCE_BLOCK)
                return sv_fail(err, SV_USAGE, "import.ext.feature",
                               "the file system has blocks of %u bytes, which no guest can mount",
                               e->fs->blocksize);
        if (get_size(e) > room)
                return sv_fail(
                        err, SV_FORMAT, "import.ext.short",
                        "the file system has %llu bytes and there is room for %llu: the image "
                        "was cut short",
                        (unsigned long long)get_size(e), (unsigned long long)room);
        if (ext2fs_has_feature_journal_needs_recovery(e->fs->super))
                return sv_fail(
                        err, SV_USAGE, "import.ext.unclean",
                        "the file system was not unmounted, and its journal has to be "
                        "replayed first: start and stop its machine once more, or run e2fsck "
                        "on a copy");
        if (super->s_state & EXT2_ERROR_FS)
                return sv_fail(err, SV_USAGE, "import.ext.unclean",
                               "the file system says that it has errors: run e2fsck on a copy");
        return 0;
}

static int open_filesystem(struct sv_ext *e, uint64_t size, struct sv_err *err)
{
        errcode_t code;

        initialize_ext2_error_table();
        e->io.overlay.below = (struct sv_source){
                .size = size, .read = read_part, .span = span_part, .arg = e, .fd = -1};
        code = sv_ext_io_open(&e->io, &e->fs);
        if (code == EXT2_ET_UNSUPP_FEATURE || code == EXT2_ET_RO_UNSUPP_FEATURE)
                return sv_fail(err, SV_USAGE, "import.ext.feature",
                               "the file system has features that libext2fs does not know: %s",
                               error_message(code));
        if (code)
                return fail_ext(e, "the file system cannot be read", code, err);
        /* Copies of the superblock stay as they are; and equal images become equal ones. */
        e->fs->flags |= EXT2_FLAG_MASTER_SB_ONLY;
        e->fs->now = e->fs->super->s_wtime ? (time_t)e->fs->super->s_wtime : 1;
        return check_state(e, size, err);
}

int sv_ext_open(const struct sv_source *disk, uint64_t first, uint64_t size, struct sv_ext **out,
                struct sv_err *err)
{
        struct sv_ext *e = calloc(1, sizeof(*e));

        if (!e)
                return sv_fail_errno(err, "base.memory", "no memory for a file system");
        e->disk = *disk;
        e->first = first;
        if (open_filesystem(e, size, err) < 0) {
                sv_ext_free(e);
                return -1;
        }
        *out = e;
        return 0;
}

void sv_ext_free(struct sv_ext *e)
{
        if (!e)
                return;
        if (e->fs)
                ext2fs_free(e->fs); /* and nothing is written */
        sv_overlay_free(&e->io.overlay);
        free(e);
}

static errcode_t find_path(struct sv_ext *e, const char *path, ext2_ino_t *ino)
{
        return ext2fs_namei_follow(e->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ino);
}

bool sv_ext_has(struct sv_ext *e, const char *path)
{
        ext2_ino_t ino;

        return find_path(e, path, &ino) == 0;
}

static int find_ext_file(struct sv_ext *e, const char *path, ext2_ino_t *ino, const char *check,
                         struct sv_err *err)
{
        struct ext2_inode inode;
        errcode_t code = find_path(e, path, ino);

        if (code == EXT2_ET_FILE_NOT_FOUND)
                return sv_fail(err, SV_SYSTEM, check, "the image has no /%s",
                               path + strspn(path, "/"));
        if (code == 0)
                code = ext2fs_read_inode(e->fs, *ino, &inode);
        if (code)
                return fail_ext(e, path, code, err);
        if (!LINUX_S_ISREG(inode.i_mode))
                return sv_fail(err, SV_SYSTEM, check, "/%s of the image is no regular file",
                               path + strspn(path, "/"));
        return 0;
}

static int read_open_file(struct sv_ext *e, ext2_file_t file, const char *path, size_t max,
                          struct sv_buf *out, const char *check, struct sv_err *err)
{
        __u64 size = 0;
        errcode_t code = ext2fs_file_get_lsize(file, &size);
        uint8_t *p;

        if (code == 0 && size > max)
                return sv_fail(err, SV_FORMAT, check,
                               "/%s of the image has %llu bytes: expected at most %zu",
                               path + strspn(path, "/"), (unsigned long long)size, max);
        p = sv_buf_grow(out, (size_t)size);
        if (sv_buf_ok(out, path, err) < 0)
                return -1;
        for (size_t done = 0; code == 0 && done < size;) {
                unsigned want = size - done < 1u << 20 ? (unsigned)(size - done) : 1u << 20,
                         got = 0;

                code = ext2fs_file_read(file, p + done, want, &got);
                if (code == 0 && !got)
                        code = EXT2_ET_SHORT_READ;
                done += got;
        }
        return code ? fail_ext(e, path, code, err) : 0;
}

int sv_ext_read(struct sv_ext *e, const char *path, size_t max, struct sv_buf *out,
                const char *check, struct sv_err *err)
{
        ext2_file_t file;
        ext2_ino_t ino;
        errcode_t code;
        int r;

        if (find_ext_file(e, path, &ino, check, err) < 0)
                return -1;
        code = ext2fs_file_open(e->fs, ino, 0, &file);
        if (code)
                return fail_ext(e, path, code, err);
        r = read_open_file(e, file, path, max, out, check, err);
        ext2fs_file_close(file);
        return r;
}

struct listing {
        void (*name)(void *arg, const char *name);
        void *arg;
};

static int list_entry(struct ext2_dir_entry *entry, int offset, int blocksize, char *buf, void *arg)
{
        struct listing *l = arg;
        char name[256] = "";
        int n = ext2fs_dirent_name_len(entry);

        memcpy(name, entry->name, (size_t)n);
        l->name(l->arg, name);
        return 0;
}

int sv_ext_list(struct sv_ext *e, const char *path, void (*name)(void *arg, const char *name),
                void *arg, struct sv_err *err)
{
        struct listing l = {.name = name, .arg = arg};
        ext2_ino_t ino;
        errcode_t code = find_path(e, path, &ino);

        if (code == EXT2_ET_FILE_NOT_FOUND)
                return 0;
        if (code == 0)
                code = ext2fs_check_directory(e->fs, ino);
        if (code == EXT2_ET_NO_DIRECTORY)
                return 0;
        if (code == 0)
                code = ext2fs_dir_iterate(e->fs, ino, 0, NULL, list_entry, &l);
        return code ? fail_ext(e, path, code, err) : 0;
}

static errcode_t write_open_file(ext2_file_t file, struct sv_bytes data)
{
        unsigned done = 0;
        errcode_t code = ext2fs_file_write(file, data.p, (unsigned)data.n, &done);

        if (code == 0 && done != data.n)
                code = EXT2_ET_SHORT_WRITE;
        return code ? code : ext2fs_file_set_size2(file, (ext2_off64_t)data.n);
}

static errcode_t replace_contents(struct sv_ext *e, ext2_ino_t ino, struct sv_bytes data)
{
        errcode_t code = ext2fs_read_bitmaps(e->fs), closed;
        ext2_file_t file;

        if (code == 0)
                code = ext2fs_file_open(e->fs, ino, EXT2_FILE_WRITE, &file);
        if (code)
                return code;
        code = write_open_file(file, data);
        closed = ext2fs_file_close(file);
        if (code == 0)
                code = closed;
        return code ? code : ext2fs_flush(e->fs);
}

int sv_ext_write(struct sv_ext *e, const char *path, struct sv_bytes data, struct sv_err *err)
{
        ext2_ino_t ino;
        errcode_t code;

        if (find_ext_file(e, path, &ino, "import.ext", err) < 0)
                return -1;
        code = replace_contents(e, ino, data);
        return code ? fail_ext(e, path, code, err) : 0;
}

static int read_whole(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                      struct sv_err *err)
{
        const struct sv_ext *e = s->arg;
        struct sv_source all = sv_overlay_source((struct sv_overlay *)&e->io.overlay);
        uint64_t size = get_size(e), have = at < size ? size - at : 0;

        /* A file system of small blocks may end within one of ours, and a larger disk goes on
         * behind it. */
        if (have < n)
                memset(p + have, 0, n - (size_t)have);
        return have ? all.read(&all, at, p, have < n ? (size_t)have : n, err) : 0;
}

/* Where blocks that are in use, or that are not, end. Before the first block that the map knows
 * there is the boot sector, and behind the last nothing. */
static enum sv_span find_use(const struct sv_ext *e, uint64_t at, uint64_t *end)
{
        const uint64_t bs = e->fs->blocksize, block = at / bs;
        const blk64_t first = e->fs->super->s_first_data_block,
                      last = ext2fs_blocks_count(e->fs->super) - 1;
        blk64_t next = 0;
        bool used;

        if (block < first || block > last) {
                *end = block < first ? first * bs : *end;
                return block < first ? SV_SPAN_DATA : SV_SPAN_FREE;
        }
        used = ext2fs_test_block_bitmap2(e->fs->block_map, block);
        if ((used ? ext2fs_find_first_zero_block_bitmap2(e->fs->block_map, block, last, &next)
                  : ext2fs_find_first_set_block_bitmap2(e->fs->block_map, block, last, &next)) == 0)
                *end = next * bs;
        return used ? SV_SPAN_DATA : SV_SPAN_FREE;
}

static int span_whole(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                      struct sv_err *err)
{
        const struct sv_ext *e = s->arg;
        struct sv_source all = sv_overlay_source((struct sv_overlay *)&e->io.overlay);
        uint64_t stop = s->size;

        *end = s->size;
        *kind = find_use(e, at, end);
        if (*kind == SV_SPAN_FREE || at >= all.size)
                return 0;
        if (all.span(&all, at, kind, &stop, err) < 0)
                return -1;
        if (stop < *end)
                *end = stop;
        return 0;
}

int sv_ext_source(struct sv_ext *e, struct sv_source *out, struct sv_err *err)
{
        uint64_t size = get_size(e);
        errcode_t code = e->fs->block_map ? 0 : ext2fs_read_block_bitmap(e->fs);

        if (code)
                return fail_ext(e, "which blocks are in use cannot be read", code, err);
        *out = (struct sv_source){.size = (size + SV_SOURCE_BLOCK - 1) / SV_SOURCE_BLOCK *
                                          SV_SOURCE_BLOCK,
                                  .read = read_whole,
                                  .span = span_whole,
                                  .arg = e,
                                  .fd = -1};
        return 0;
}
