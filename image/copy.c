/* SPDX-License-Identifier: Apache-2.0 */
#include "image/copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/run.h"

#define PIECE        (64u << 20) /* between two looks whether to go on */
#define SOURCE_PIECE (1u << 20)

static int fail_copying(struct sv_err *err)
{
        return sv_fail_errno(err, "image.copy", "cannot copy the contents");
}

/* In the kernel; the second way for two file systems that share nothing. */
static ssize_t copy_piece(int from, int to, off_t at, size_t n)
{
        off_t in = at, out = at;
        ssize_t done = copy_file_range(from, &in, to, &out, n, 0);

        if (done >= 0 || errno != EXDEV)
                return done;
        return lseek(to, at, SEEK_SET) < 0 ? -1 : sendfile(to, from, &in, n);
}

/* From one hole to the next, at the same place in both files. */
static int copy_range(int from, int to, off_t at, off_t end, off_t size,
                      struct sv_progress *progress, struct sv_err *err)
{
        while (at < end) {
                size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
                ssize_t done = copy_piece(from, to, at, n);

                if (sv_run_interrupted())
                        return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
                if (done < 0 && errno == EINTR)
                        continue;
                if (done <= 0)
                        return fail_copying(err);
                at += done;
                sv_progress_seen(progress, (uint64_t)at, (uint64_t)size);
        }
        return 0;
}

int sv_copy_data(int from, int to, off_t size, struct sv_progress *progress, struct sv_err *err)
{
        if (ioctl(to, FICLONE, from) == 0)
                return 0;
        if (ftruncate(to, size) < 0)
                return fail_copying(err);
        for (off_t at = 0, end; at < size; at = end) {
                at = lseek(from, at, SEEK_DATA);
                if (at < 0)
                        return errno == ENXIO ? 0 : fail_copying(err);
                end = lseek(from, at, SEEK_HOLE);
                if (end < 0)
                        return fail_copying(err);
                if (copy_range(from, to, at, end, size, progress, err) < 0)
                        return -1;
        }
        return 0;
}

static int copy_span(const struct sv_source *from, int to, uint64_t at, uint64_t end,
                     uint8_t *piece, struct sv_err *err)
{
        size_t n = (size_t)(end - at);

        if (from->read(from, at, piece, n, err) < 0)
                return -1;
        return sv_fd_write_at(to, sv_bytes(piece, n), at) < 0 ? fail_copying(err) : 0;
}

static int copy_spans(const struct sv_source *from, int to, uint8_t *piece,
                      struct sv_progress *progress, struct sv_err *err)
{
        for (uint64_t at = 0, end; at < from->size; at = end) {
                enum sv_span kind;

                if (sv_run_interrupted())
                        return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
                if (sv_source_span(from, at, &kind, &end, err) < 0)
                        return -1;
                if (kind == SV_SPAN_DATA && end - at > SOURCE_PIECE)
                        end = at + SOURCE_PIECE;
                if (kind == SV_SPAN_DATA && copy_span(from, to, at, end, piece, err) < 0)
                        return -1;
                sv_progress_seen(progress, end, from->size);
        }
        return 0;
}

int sv_copy_source(const struct sv_source *from, int to, struct sv_progress *progress,
                   struct sv_err *err)
{
        uint8_t *piece = malloc(SOURCE_PIECE);
        int r;

        if (!piece)
                return sv_fail_errno(err, "base.memory", "no memory to copy in");
        r = ftruncate(to, (off_t)from->size) < 0 ? fail_copying(err)
                                                 : copy_spans(from, to, piece, progress, err);
        free(piece);
        return r;
}
