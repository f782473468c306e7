/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a disk, wherever they come from: a file, an image that another program reads, what
 * is laid over either. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

#define SV_SOURCE_BLOCK 4096u

enum sv_span {
        SV_SPAN_DATA,
        SV_SPAN_ZERO, /* zeros, without looking */
        SV_SPAN_FREE, /* nobody will ever read what is there; reads are zeros */
};

struct sv_source {
        uint64_t size;
        /* n bytes from `at` on, all of them within size. */
        int (*read)(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                    struct sv_err *err);
        /* What lies at `at` (below size), and where that ends. NULL: everything is data. */
        int (*span)(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                    struct sv_err *err);
        void *arg;      /* of who made the source, */
        int fd;         /* and of a file: it, */
        uint64_t first; /* and where in it the first byte is */
};

/* `size` bytes of a file from `first` on; behind its end are zeros, and holes are zeros without
 * looking. The file stays the caller's. SV_SYSTEM "source.read". */
struct sv_source sv_source_file(int fd, uint64_t first, uint64_t size);
/* As s->span, in whole blocks of SV_SOURCE_BLOCK: what is not wholly zero or free is data. `at` is
 * the beginning of a block. */
int sv_source_span(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                   struct sv_err *err);

/* How far work has come that may take long: told by who does it, shown by who asked for it. */
struct sv_progress {
        void (*seen)(struct sv_progress *p, uint64_t done, uint64_t total);
};
/* p may be NULL. */
static inline void sv_progress_seen(struct sv_progress *p, uint64_t done, uint64_t total)
{
        if (p)
                p->seen(p, done, total);
}
