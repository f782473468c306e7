/* SPDX-License-Identifier: Apache-2.0 */
#include "image/verity.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/crypto.h"
#include "image/copy.h"
#include "image/superblock.h"
#include "image/output.h"
#include "image/run.h"
#include "luks/dm-verity.h"

static int check_contents(const struct sv_source *s, struct sv_superblock *fs, struct sv_err *err)
{
        uint64_t size = s->size;
        uint8_t head[SV_SUPERBLOCK_HEAD];

        if (s->read(s, 0, head, sizeof(head), err) < 0)
                return -1;
        if (sv_superblock_read(sv_bytes(head, sizeof(head)), fs, err) < 0)
                return -1;
        if (size < 2 * 4096 || size > SV_VERITY_SIZE_MAX)
                return sv_fail(err, SV_USAGE, "image.size",
                               "expected an image of 8 KiB to 16 TiB, found %llu bytes",
                               (unsigned long long)size);
        if (fs->size > size)
                return sv_fail(err, SV_FORMAT, "image.verity.short",
                               "the %s has %llu bytes and the image only %llu: it was cut off",
                               fs->type, (unsigned long long)fs->size, (unsigned long long)size);
        return 0;
}

static int copy_contents(const struct sv_verity_in *in, const struct sv_plain *plain, int out,
                         struct sv_err *err)
{
        struct stat st;

        if (in->kind == SV_DISK_SOURCE)
                return sv_copy_source(&plain->source, out, in->progress, err);
        if (in->kind != SV_DISK_RAW)
                return 0;
        if (fstat(plain->fd, &st) < 0)
                return sv_fail_errno(err, "image.from", "cannot look at %s", in->from);
        return sv_copy_data(plain->fd, out, st.st_size, NULL, err);
}

/* A raw image is looked at before it is copied; the others are made where they go. */
static int put_contents(const struct sv_verity_in *in, int out, struct sv_superblock *fs,
                        uint64_t *size, struct sv_err *err)
{
        const struct sv_disk_in disk = {.from = in->from,
                                        .source = in->source,
                                        .kind = in->kind,
                                        .filesystem = SV_EXT4,
                                        .size = in->size};
        struct sv_plain plain;
        int r;

        if (sv_disk_make(&disk, out, 0, &plain, err) < 0)
                return -1;
        *size = plain.source.size;
        r = check_contents(&plain.source, fs, err);
        if (r == 0)
                r = copy_contents(in, &plain, out, err);
        sv_closep(&plain.fd);
        return r;
}

static int choose_salt(const struct sv_verity_in *in, struct sv_verity *v, struct sv_err *err)
{
        if (!in->salt)
                return sv_random(v->salt, sizeof(v->salt), err);
        memcpy(v->salt, in->salt, sizeof(v->salt));
        return 0;
}

/* libcryptsetup does each in one call. */
struct hashing {
        char path[32];
        struct sv_verity v;
};

static int create_tree(void *arg, struct sv_err *err)
{
        struct hashing *h = arg;

        return sv_dm_verity_create(h->path, &h->v, err);
}

static int try_tree(void *arg, struct sv_err *err)
{
        struct hashing *h = arg;

        return sv_dm_verity_try(h->path, &h->v, err);
}

/* How far the tree is shows in the room that it takes: a 128th of what was hashed. */
struct growth {
        int fd;
        uint64_t before, total;
        struct sv_progress *progress;
};

static uint64_t count_room(int fd)
{
        struct stat st;

        return fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;
}

static void show_growth(void *arg)
{
        const struct growth *g = arg;
        uint64_t now = count_room(g->fd);
        uint64_t done = now > g->before ? (now - g->before) * (SV_VERITY_HASH_BLOCK / 32) : 0;

        sv_progress_seen(g->progress, done < g->total ? done : g->total, g->total);
}

static int make_tree(const struct sv_verity_in *in, int fd, uint64_t size, struct hashing *h,
                     struct sv_err *err)
{
        struct growth g = {
                .fd = fd, .before = count_room(fd), .total = size, .progress = in->progress};
        struct sv_run_call make = {.call = create_tree,
                                   .arg = h,
                                   .size = sizeof(*h),
                                   .look = show_growth,
                                   .look_arg = &g};
        /* What a guest will do with it. */
        const struct sv_run_call read_back = {.call = try_tree, .arg = h, .size = sizeof(*h)};

        return sv_run_call(&make, err) < 0 ? -1 : sv_run_call(&read_back, err);
}

static int add_tree(const struct sv_verity_in *in, int fd, const struct sv_superblock *fs,
                    uint64_t size, struct sv_verity *v, struct sv_err *err)
{
        struct hashing h = {.v = {.data_block = fs->block,
                                  .data_blocks = size / fs->block,
                                  .tree = size + SV_VERITY_SUPERBLOCK}};

        snprintf(h.path, sizeof(h.path), "/proc/self/fd/%d", fd);
        memcpy(h.v.type, fs->type, sizeof(h.v.type));
        if (choose_salt(in, &h.v, err) < 0)
                return -1;
        if (ftruncate(fd, (off_t)sv_verity_end(&h.v)) < 0)
                return sv_fail_errno(err, "image.out", "cannot size the image");
        if (make_tree(in, fd, size, &h, err) < 0)
                return -1;
        *v = h.v;
        return 0;
}

static int publish_image(const struct sv_verity_in *in, struct sv_output *o, struct sv_err *err)
{
        if (sv_run_interrupted())
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        if (sv_output_sync(o, err) < 0)
                return -1;
        if (sv_output_publish(o, in->replace, err) < 0)
                return -1;
        return sv_output_sync_name(o, err);
}

int sv_verity_make(const struct sv_verity_in *in, struct sv_verity *out, struct sv_err *err)
{
        SV_OUTPUT o = {.fd = -1};
        struct sv_superblock fs;
        SV_STR path = NULL;
        struct sv_verity v;
        SV_FD lock = -1;
        uint64_t size;

        if (sv_output_check(in->out, in->replace, &path, err) < 0)
                return -1;
        if (access(path, F_OK) == 0 && sv_disk_lock(path, &lock, err) < 0)
                return -1;
        sv_run_catch_signals();
        if (sv_output_open(path, &o, err) < 0)
                return -1;
        if (put_contents(in, o.fd, &fs, &size, err) < 0)
                return -1;
        if (add_tree(in, o.fd, &fs, size, &v, err) < 0)
                return -1;
        if (publish_image(in, &o, err) < 0)
                return -1;
        *out = v;
        return 0;
}
