/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/budget.h"

#include <stddef.h>

/* A source that has spent nothing that still lasts needs no place. */
static struct sv_spent *find_spent(struct sv_budget *b, uint64_t source)
{
        for (size_t i = 0; i < SV_BUDGET_SOURCES; i++)
                if (b->sources[i].source == source && b->sources[i].until_us)
                        return &b->sources[i];
        return NULL;
}

static struct sv_spent *make_place(struct sv_budget *b, uint64_t source)
{
        struct sv_spent *oldest = &b->sources[0];

        for (size_t i = 1; i < SV_BUDGET_SOURCES; i++)
                if (b->sources[i].until_us < oldest->until_us)
                        oldest = &b->sources[i];
        *oldest = (struct sv_spent){.source = source};
        return oldest;
}

static bool has_left(int64_t until_us, const struct sv_rate *r, int64_t now_us)
{
        return until_us - now_us <= (r->burst - 1) * r->interval_us;
}

static void charge(int64_t *until_us, const struct sv_rate *r, int64_t now_us)
{
        *until_us = (*until_us > now_us ? *until_us : now_us) + r->interval_us;
}

bool sv_budget_has(struct sv_budget *b, const struct sv_rate *all, const struct sv_rate *each,
                   uint64_t source, int64_t now_us)
{
        const struct sv_spent *s = find_spent(b, source);

        return has_left(b->until_us, all, now_us) && has_left(s ? s->until_us : 0, each, now_us);
}

bool sv_budget_take(struct sv_budget *b, const struct sv_rate *all, const struct sv_rate *each,
                    uint64_t source, int64_t now_us)
{
        struct sv_spent *s;

        if (!sv_budget_has(b, all, each, source, now_us))
                return false;
        s = find_spent(b, source);
        if (!s)
                s = make_place(b, source);
        charge(&b->until_us, all, now_us);
        charge(&s->until_us, each, now_us);
        return true;
}
