/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/limits.h"

#define BLOCK SV_SOURCE_BLOCK

struct sv_overlay_block {
        uint64_t at;
        uint8_t bytes[BLOCK];
};

/* The first block at `at` or behind it. */
static size_t find_block(const struct sv_overlay *o, uint64_t at)
{
        size_t low = 0, high = o->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (o->list[middle].at < at)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* As it is below, to be changed. The source may end within it. */
static int add_block(struct sv_overlay *o, size_t i, uint64_t at, struct sv_err *err)
{
        struct sv_overlay_block *list = o->list;
        uint64_t left = o->below.size - at;

        if (o->n == SV_OVERLAY_BLOCKS_MAX)
                return sv_fail(err, SV_SYSTEM, "import.overlay",
                               "a change of the file system writes more than %u blocks",
                               SV_OVERLAY_BLOCKS_MAX);
        if (o->n == o->room) {
                size_t room = o->room ? 2 * o->room : 16;

                list = reallocarray(list, room, sizeof(*list));
                if (!list)
                        return sv_fail_errno(err, "base.memory", "no memory for a changed block");
                o->list = list;
                o->room = room;
        }
        memmove(list + i + 1, list + i, (o->n - i) * sizeof(*list));
        list[i] = (struct sv_overlay_block){.at = at};
        if (o->below.read(&o->below, at, list[i].bytes, left < BLOCK ? (size_t)left : BLOCK, err) <
            0) {
                memmove(list + i, list + i + 1, (o->n - i) * sizeof(*list));
                return -1;
        }
        o->n++;
        return 0;
}

int sv_overlay_write(struct sv_overlay *o, uint64_t at, const uint8_t *p, size_t n,
                     struct sv_err *err)
{
        while (n) {
                uint64_t block = at - at % BLOCK;
                size_t from = (size_t)(at - block), part = BLOCK - from < n ? BLOCK - from : n;
                size_t i = find_block(o, block);

                if ((i == o->n || o->list[i].at != block) && add_block(o, i, block, err) < 0)
                        return -1;
                memcpy(o->list[i].bytes + from, p, part);
                p += part;
                at += part;
                n -= part;
        }
        return 0;
}

static int read_overlay(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                        struct sv_err *err)
{
        const struct sv_overlay *o = s->arg;

        if (o->below.read(&o->below, at, p, n, err) < 0)
                return -1;
        for (size_t i = find_block(o, at - at % BLOCK); i < o->n && o->list[i].at < at + n; i++) {
                const struct sv_overlay_block *b = &o->list[i];
                uint64_t begin = b->at > at ? b->at : at;
                uint64_t end = b->at + BLOCK < at + n ? b->at + BLOCK : at + n;

                memcpy(p + (begin - at), b->bytes + (begin - b->at), (size_t)(end - begin));
        }
        return 0;
}

static int span_overlay(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                        struct sv_err *err)
{
        const struct sv_overlay *o = s->arg;
        size_t i = find_block(o, at - at % BLOCK);
        uint64_t next = i < o->n ? o->list[i].at : s->size;

        *kind = SV_SPAN_DATA;
        *end = s->size;
        if (next <= at) {
                if (next + BLOCK < s->size)
                        *end = next + BLOCK;
                return 0;
        }
        if (o->below.span && o->below.span(&o->below, at, kind, end, err) < 0)
                return -1;
        if (*end > next)
                *end = next;
        return 0;
}

struct sv_source sv_overlay_source(struct sv_overlay *o)
{
        return (struct sv_source){.size = o->below.size,
                                  .read = read_overlay,
                                  .span = span_overlay,
                                  .arg = o,
                                  .fd = -1};
}

void sv_overlay_free(struct sv_overlay *o)
{
        free(o->list);
        *o = (struct sv_overlay){.n = 0};
}
