/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/move-disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto/crypto.h"
#include "image/run.h"

/* Goes over a disk chunk by chunk. */
struct walk {
        struct sv_move_disk *d;
        uint8_t *chunk;
        size_t filled, index;
        int (*whole)(struct walk *w, struct sv_err *err);
        /* of a pass */
        struct sv_pool *to;
        struct sv_pool_sink *sink; /* open while one chunk after the other goes */
        uint64_t sent;
        struct sv_progress *progress;
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

                if (w->index == w->d->n)
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

static int walk_disk(struct walk *w, struct sv_pool *p, struct sv_err *err)
{
        uint64_t seen;
        int r;

        w->chunk = malloc(SV_MOVE_CHUNK);
        if (!w->chunk)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        r = sv_pool_read(p, w->d->name, take_piece, w, err);
        seen = (uint64_t)w->index * SV_MOVE_CHUNK + w->filled;
        if (r == 0 && seen != w->d->bytes)
                r = fail_size(w, err);
        if (r == 0 && w->filled)
                r = end_chunk(w, err);
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
        if (!d->chunks)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        return is_new ? 0 : walk_disk(&w, to, err);
}

void sv_move_disk_free(struct sv_move_disk *d)
{
        free(d->chunks);
        d->chunks = NULL;
}

/* --- a pass --- */

static int close_sink(struct walk *w, struct sv_err *err)
{
        struct sv_pool_sink *s = w->sink;

        w->sink = NULL;
        return sv_pool_sink_close(s, err);
}

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
        w->sent += w->filled;
        return 0;
}

static int compare_chunk(struct walk *w, struct sv_err *err)
{
        uint64_t done = (uint64_t)w->index * SV_MOVE_CHUNK + w->filled;
        uint8_t digest[32];

        if (sv_run_interrupted())
                return sv_fail(err, SV_SYSTEM, "move.interrupted", "interrupted");
        sv_progress_seen(w->progress, done, w->d->bytes);
        if (digest_chunk(sv_bytes(w->chunk, w->filled), digest, err) < 0)
                return -1;
        if (!memcmp(digest, w->d->chunks[w->index], 32))
                return close_sink(w, err);
        return send_chunk(w, digest, err);
}

int sv_move_disk_pass(struct sv_move_disk *d, struct sv_pool *from, struct sv_pool *to,
                      uint64_t *sent, struct sv_progress *progress, struct sv_err *err)
{
        struct walk w = {.d = d, .whole = compare_chunk, .to = to, .progress = progress};
        int r = walk_disk(&w, from, err);

        if (close_sink(&w, r < 0 ? NULL : err) < 0)
                r = -1;
        *sent = w.sent;
        return r;
}
