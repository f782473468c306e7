/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/move-disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto/crypto.h"
#include "image/run.h"

/* Unmarked chunks that are read rather than asking for the next marked one on its own. */
#define GAP 4

/* Goes over a disk, or a part of it, chunk by chunk. */
struct walk {
        struct sv_move_disk *d;
        uint8_t *chunk;
        size_t filled, index, end;
        int (*whole)(struct walk *w, struct sv_err *err);
        /* of a pass */
        struct sv_pool *to;
        struct sv_pool_sink *sink; /* open while one chunk after the other goes */
        struct sv_move_pass *pass;
};

static bool is_all_zero(struct sv_bytes b)
{
        return !b.n || (!b.p[0] && !memcmp(b.p, b.p + 1, b.n - 1));
}

static int digest_chunk(struct sv_bytes b, uint8_t out[32], struct sv_err *err)
{
        memset(out, 0, 32);
        return is_all_zero(b) ? 0 : sv_digest(SV_SHA256, b, out, err);
}

static int end_chunk(struct walk *w, struct sv_err *err)
{
        int r = w->whole(w, err);

        w->filled = 0;
        w->index++;
        return r;
}

static int fail_size(const struct walk *w, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "move.disk",
                       "%s had %llu bytes when the move began, and has another size now; begin "
                       "again",
                       w->d->name, (unsigned long long)w->d->bytes);
}

static int take_piece(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        struct walk *w = arg;

        while (piece.n) {
                size_t n = SV_MOVE_CHUNK - w->filled;

                if (w->index == w->end)
                        return fail_size(w, err);
                n = n < piece.n ? n : piece.n;
                memcpy(w->chunk + w->filled, piece.p, n);
                w->filled += n;
                piece = sv_bytes(piece.p + n, piece.n - n);
                if (w->filled == SV_MOVE_CHUNK && end_chunk(w, err) < 0)
                        return -1;
        }
        return 0;
}

static int close_sink(struct walk *w, struct sv_err *err)
{
        struct sv_pool_sink *s = w->sink;

        w->sink = NULL;
        return sv_pool_sink_close(s, err);
}

static uint64_t find_chunk(const struct sv_move_disk *d, size_t index)
{
        return index < d->n ? (uint64_t)index * SV_MOVE_CHUNK : d->bytes;
}

/* The chunks from `first` on, below `end`. */
static int walk_part(struct walk *w, struct sv_pool *p, size_t first, size_t end,
                     struct sv_err *err)
{
        uint64_t from = find_chunk(w->d, first), to = find_chunk(w->d, end), seen;
        bool all = first == 0 && end == w->d->n; /* also what is behind, where it has grown */

        if (close_sink(w, err) < 0) /* it stands elsewhere */
                return -1;
        w->index = first;
        w->end = end;
        if (sv_pool_read_part(p, w->d->name, from, all ? 0 : to - from, take_piece, w, err) < 0)
                return -1;
        seen = (uint64_t)w->index * SV_MOVE_CHUNK + w->filled;
        if (seen != to)
                return fail_size(w, err);
        return w->filled ? end_chunk(w, err) : 0;
}

static int walk_marked(struct walk *w, struct sv_pool *p, struct sv_err *err)
{
        const struct sv_move_disk *d = w->d;

        for (size_t i = 0; i < d->n; i++) {
                size_t first = i, end = i + 1;

                if (!d->marks[i])
                        continue;
                for (; i < d->n && i < end + GAP; i++)
                        if (d->marks[i])
                                end = i + 1;
                i = end - 1;
                if (walk_part(w, p, first, end, err) < 0)
                        return -1;
        }
        return 0;
}

static int walk_disk(struct walk *w, struct sv_pool *p, struct sv_err *err)
{
        int r;

        w->chunk = malloc(SV_MOVE_CHUNK);
        if (!w->chunk)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        r = w->pass && w->pass->marked ? walk_marked(w, p, err) : walk_part(w, p, 0, w->d->n, err);
        free(w->chunk);
        return r;
}

/* --- what the target has --- */

static int note_chunk(struct walk *w, struct sv_err *err)
{
        return digest_chunk(sv_bytes(w->chunk, w->filled), w->d->chunks[w->index], err);
}

int sv_move_disk_begin(struct sv_move_disk *d, struct sv_pool *to, bool is_new, struct sv_err *err)
{
        struct walk w = {.d = d, .whole = note_chunk};

        d->n = (size_t)((d->bytes + SV_MOVE_CHUNK - 1) / SV_MOVE_CHUNK);
        d->chunks = calloc(d->n + 1, sizeof(*d->chunks));
        d->marks = calloc(d->n + 1, sizeof(*d->marks));
        if (!d->chunks || !d->marks)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        return is_new ? 0 : walk_disk(&w, to, err);
}

void sv_move_disk_free(struct sv_move_disk *d)
{
        free(d->chunks);
        free(d->marks);
        d->chunks = NULL;
        d->marks = NULL;
}

/* --- a pass --- */

static int send_chunk(struct walk *w, const uint8_t digest[32], struct sv_err *err)
{
        uint64_t at = (uint64_t)w->index * SV_MOVE_CHUNK;

        /* until it has arrived the target has neither */
        memset(w->d->chunks[w->index], 0xff, 32);
        if (!w->sink && sv_pool_sink_open(w->to, w->d->name, at, &w->sink, err) < 0)
                return -1;
        if (sv_pool_sink_put(w->sink, sv_bytes(w->chunk, w->filled), err) < 0)
                return -1;
        memcpy(w->d->chunks[w->index], digest, 32);
        w->pass->sent += w->filled;
        return 0;
}

static int compare_chunk(struct walk *w, struct sv_err *err)
{
        uint64_t done = (uint64_t)w->index * SV_MOVE_CHUNK + w->filled;
        uint8_t digest[32];

        if (sv_run_interrupted())
                return sv_fail(err, SV_SYSTEM, "move.interrupted", "interrupted");
        w->pass->read += w->filled;
        sv_progress_seen(w->pass->progress, done, w->d->bytes);
        if (digest_chunk(sv_bytes(w->chunk, w->filled), digest, err) < 0)
                return -1;
        if (!memcmp(digest, w->d->chunks[w->index], 32))
                return close_sink(w, err);
        return send_chunk(w, digest, err);
}

int sv_move_disk_pass(struct sv_move_disk *d, struct sv_pool *from, struct sv_pool *to,
                      struct sv_move_pass *pass, struct sv_err *err)
{
        struct walk w = {.d = d, .whole = compare_chunk, .to = to, .pass = pass};
        int r = walk_disk(&w, from, err);

        if (close_sink(&w, r < 0 ? NULL : err) < 0)
                r = -1;
        if (r == 0)
                memset(d->marks, 0, d->n * sizeof(*d->marks));
        return r;
}
