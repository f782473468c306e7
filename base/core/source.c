/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/source.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"

static int read_file_piece(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                           struct sv_err *err)
{
        ssize_t got = sv_fd_read_at(s->fd, p, n, s->first + at);

        if (got < 0)
                return sv_fail_errno(err, "source.read", "cannot read the contents");
        memset(p + got, 0, n - (size_t)got);
        return 0;
}

/* A file that cannot say where its holes are (a device) has none. */
static int span_file(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                     struct sv_err *err)
{
        off_t here = (off_t)(s->first + at), data = lseek(s->fd, here, SEEK_DATA), hole;

        *kind = SV_SPAN_DATA;
        *end = s->size;
        if (data < 0) {
                if (errno == ENXIO)
                        *kind = SV_SPAN_ZERO;
                return 0;
        }
        hole = data > here ? data : lseek(s->fd, here, SEEK_HOLE);
        *kind = data > here ? SV_SPAN_ZERO : SV_SPAN_DATA;
        if (hole > here && (uint64_t)(hole - here) < s->size - at)
                *end = at + (uint64_t)(hole - here);
        return 0;
}

struct sv_source sv_source_file(int fd, uint64_t first, uint64_t size)
{
        return (struct sv_source){
                .size = size, .read = read_file_piece, .span = span_file, .fd = fd, .first = first};
}

int sv_source_span(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                   struct sv_err *err)
{
        uint64_t stop = s->size;

        *kind = SV_SPAN_DATA;
        if (s->span && s->span(s, at, kind, &stop, err) < 0)
                return -1;
        if (stop < s->size && stop % SV_SOURCE_BLOCK) {
                bool whole = stop - at >= SV_SOURCE_BLOCK;

                if (*kind == SV_SPAN_DATA || !whole) {
                        *kind = SV_SPAN_DATA;
                        stop += SV_SOURCE_BLOCK;
                }
                stop -= stop % SV_SOURCE_BLOCK;
        }
        *end = stop < s->size ? stop : s->size;
        return 0;
}
