/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/recent.h"

#include <stdlib.h>

static bool is_entry_of(const struct sv_recent_entry *e, struct sv_bytes needs)
{
        return e->needs.n && sv_bytes_eq(sv_buf_bytes(&e->needs), needs);
}

const struct sv_recent_entry *sv_recent_find(const struct sv_recent *r, struct sv_bytes needs,
                                             int64_t now_ms)
{
        for (size_t i = 0; r && i < SV_RECENT_MAX; i++)
                if (is_entry_of(&r->list[i], needs) &&
                    now_ms - r->list[i].fetched_ms < SV_RECENT_MS)
                        return &r->list[i];
        return NULL;
}

static void drop_recent(struct sv_recent_entry *e)
{
        sv_buf_free(&e->needs);
        sv_buf_free(&e->blobs);
        sv_buf_free(&e->note);
}

static struct sv_recent_entry *choose_entry(struct sv_recent *r, struct sv_bytes needs)
{
        struct sv_recent_entry *oldest = &r->list[0];

        for (size_t i = 0; i < SV_RECENT_MAX; i++) {
                if (is_entry_of(&r->list[i], needs))
                        return &r->list[i];
                if (!r->list[i].needs.n ||
                    (oldest->needs.n && r->list[i].fetched_ms < oldest->fetched_ms))
                        oldest = &r->list[i];
        }
        return oldest;
}

void sv_recent_keep(struct sv_recent *r, struct sv_bytes needs, struct sv_bytes blobs,
                    struct sv_bytes note, int64_t fetched_ms)
{
        struct sv_recent_entry *e;

        if (!r || needs.n + blobs.n + note.n > SV_RECENT_SIZE)
                return;
        e = choose_entry(r, needs);
        drop_recent(e);
        sv_buf_put(&e->needs, needs);
        sv_buf_put(&e->blobs, blobs);
        sv_buf_put(&e->note, note);
        e->fetched_ms = fetched_ms;
        if (e->needs.bad || e->blobs.bad || e->note.bad)
                drop_recent(e);
}

void sv_recent_free(struct sv_recent *r)
{
        for (size_t i = 0; r && i < SV_RECENT_MAX; i++)
                drop_recent(&r->list[i]);
        free(r);
}
