/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/ext-io.h"

#include <stdlib.h>
#include <string.h>

#include "image/run.h"

/* The library's open has a name and nothing of its caller's. */
static __thread struct sv_ext_io *opening;

static errcode_t open_channel(const char *name, int flags, io_channel *out);

static errcode_t close_channel(io_channel c)
{
        if (--c->refcount == 0) {
                free(c->name);
                free(c);
        }
        return 0;
}

static errcode_t set_block_size(io_channel c, int size)
{
        c->block_size = size;
        return 0;
}

/* A count below zero is one of bytes. */
static size_t count_io_bytes(io_channel c, int count)
{
        return count < 0 ? (size_t) - (int64_t)count : (size_t)count * (size_t)c->block_size;
}

static bool is_within(const struct sv_ext_io *io, io_channel c, unsigned long long block, size_t n)
{
        uint64_t size = io->overlay.below.size;

        return block <= size / (uint64_t)c->block_size &&
               n <= size - block * (uint64_t)c->block_size;
}

static errcode_t read_io_blocks(io_channel c, unsigned long long block, int count, void *data)
{
        struct sv_ext_io *io = c->private_data;
        struct sv_source s = sv_overlay_source(&io->overlay);
        size_t n = count_io_bytes(c, count);

        if (sv_run_interrupted()) {
                sv_fail(&io->err, SV_SYSTEM, "image.interrupted", "interrupted");
                return EXT2_ET_SHORT_READ;
        }
        if (!is_within(io, c, block, n))
                return EXT2_ET_SHORT_READ;
        return s.read(&s, block * (uint64_t)c->block_size, data, n, &io->err) < 0
                       ? EXT2_ET_SHORT_READ
                       : 0;
}

static errcode_t read_io_blocks_32(io_channel c, unsigned long block, int count, void *data)
{
        return read_io_blocks(c, block, count, data);
}

static errcode_t write_io_blocks(io_channel c, unsigned long long block, int count,
                                 const void *data)
{
        struct sv_ext_io *io = c->private_data;
        size_t n = count_io_bytes(c, count);

        if (!is_within(io, c, block, n))
                return EXT2_ET_SHORT_WRITE;
        return sv_overlay_write(&io->overlay, block * (uint64_t)c->block_size, data, n, &io->err) <
                               0
                       ? EXT2_ET_SHORT_WRITE
                       : 0;
}

static errcode_t write_io_blocks_32(io_channel c, unsigned long block, int count, const void *data)
{
        return write_io_blocks(c, block, count, data);
}

static errcode_t write_io_bytes(io_channel c, unsigned long at, int count, const void *data)
{
        struct sv_ext_io *io = c->private_data;

        if (count < 0 || at > io->overlay.below.size ||
            (uint64_t)count > io->overlay.below.size - at)
                return EXT2_ET_SHORT_WRITE;
        return sv_overlay_write(&io->overlay, at, data, (size_t)count, &io->err) < 0
                       ? EXT2_ET_SHORT_WRITE
                       : 0;
}

static errcode_t flush_nothing(io_channel c)
{
        return 0;
}

static errcode_t refuse_option(io_channel c, const char *option, const char *value)
{
        return EXT2_ET_INVALID_ARGUMENT;
}

static struct struct_io_manager manager = {
        .magic = EXT2_ET_MAGIC_IO_MANAGER,
        .name = "overlay",
        .open = open_channel,
        .close = close_channel,
        .set_blksize = set_block_size,
        .read_blk = read_io_blocks_32,
        .write_blk = write_io_blocks_32,
        .flush = flush_nothing,
        .write_byte = write_io_bytes,
        .set_option = refuse_option,
        .read_blk64 = read_io_blocks,
        .write_blk64 = write_io_blocks,
};

static errcode_t open_channel(const char *name, int flags, io_channel *out)
{
        io_channel c = calloc(1, sizeof(*c));

        if (!c)
                return EXT2_ET_NO_MEMORY;
        c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
        c->manager = &manager;
        c->name = strdup(name);
        c->block_size = 1024;
        c->refcount = 1;
        c->private_data = opening;
        if (!c->name) {
                free(c);
                return EXT2_ET_NO_MEMORY;
        }
        *out = c;
        return 0;
}

errcode_t sv_ext_io_open(struct sv_ext_io *io, ext2_filsys *fs)
{
        opening = io;
        return ext2fs_open2("image", NULL, EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, &manager, fs);
}
