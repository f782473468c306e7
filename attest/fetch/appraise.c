/* SPDX-License-Identifier: Apache-2.0 */
/* Fetch, verify, and what the outcome says of the cache. */
#include "attest/fetch/fetch.h"
#include "attest/fetch/form.h"
#include "base/core/file.h"

static int appraise_fetched(const struct sv_evidence *e, const struct sv_verify_in *in,
                            const struct sv_fetched *fetched, const struct sv_policy *policy,
                            struct sv_json **claims, struct sv_verdict *verdict, struct sv_err *err)
{
        SV_BLOBS blobs = {0};
        struct sv_verify_in with = *in;

        sv_fetched_blobs(fetched, &in->collateral, &blobs);
        with.collateral = (struct sv_collateral){blobs.list, blobs.n, &in->collateral};
        return sv_appraise(e, &with, policy, claims, verdict, err);
}

/* Changing an entry needs its lock. When another process holds it, there is no need to wait:
 * marking and dropping an entry only save work. */
static void change_cached(const struct sv_fetch *f, struct sv_entry *e, bool drop)
{
        SV_CACHE_LOCK lock = SV_CACHE_LOCK_NULL;
        SV_ENTRY now = {0};
        SV_STR about = NULL;
        bool there = false;

        if (sv_cache_take_lock(f->cache, e->url, &lock, NULL) < 0 || lock.fd < 0 ||
            sv_cache_get(f->cache, e->url, &now, &there, NULL) < 0 || !there ||
            !sv_bytes_eq(sv_buf_bytes(&now.body), sv_buf_bytes(&e->body)))
                return;
        if (drop) {
                (void)sv_cache_drop(f->cache, e->url, NULL);
                return;
        }
        now.verified = true;
        about = sv_fetch_about(e->url);
        sv_cache_mark_known(f->cache, about);
        (void)sv_cache_put(f->cache, &now, NULL);
}

void sv_fetch_mark_verified(const struct sv_fetch *f, struct sv_fetched *fetched)
{
        for (size_t i = 0; f->cache && !f->offline && i < fetched->n; i++)
                if (!fetched->list[i].entry.verified)
                        change_cached(f, &fetched->list[i].entry, false);
}

/* Entries from the cache that never were part of a proof that held. One fetched a moment ago would
 * only come again: evidence that is itself wrong must not become a stream of questions to the
 * maker's servers. */
#define AGAIN_S 60

bool sv_fetch_drop_doubtful(const struct sv_fetch *f, struct sv_fetched *fetched)
{
        bool dropped = false;

        for (size_t i = 0; f->cache && !f->offline && i < fetched->n; i++) {
                struct sv_fetched_item *item = &fetched->list[i];
                int64_t age = f->now_ms(f->arg) / 1000 - item->entry.fetched;

                if (item->from == SV_FROM_NETWORK || item->entry.verified ||
                    (age >= 0 && age < AGAIN_S))
                        continue;
                change_cached(f, &item->entry, true);
                dropped = true;
        }
        return dropped;
}

static int fetch_for(const struct sv_fetch *f, const struct sv_evidence *e,
                     const struct sv_verify_in *in, struct sv_fetched *out, struct sv_err *err)
{
        SV_JSON *needs = sv_json_array();

        if (e->tee->needs(e, needs, err) < 0)
                return -1;
        return sv_fetch_needs(f, needs, &in->collateral, out, err);
}

int sv_fetch_appraise(const struct sv_fetch *f, const struct sv_evidence *e,
                      const struct sv_verify_in *in, const struct sv_policy *policy,
                      struct sv_json **claims, struct sv_verdict *verdict, struct sv_fetched *used,
                      struct sv_err *err)
{
        SV_FETCHED fetched = {0};
        SV_FETCHED again = {0};
        struct sv_err why = SV_ERR_NULL;
        int r;

        if (fetch_for(f, e, in, &fetched, err) < 0)
                return -1;
        r = appraise_fetched(e, in, &fetched, policy, claims, verdict, &why);
        /* No claims: the proof itself does not hold. */
        if (r < 0 && !*claims && (why.class == SV_PROOF || why.class == SV_FORMAT) &&
            sv_fetch_drop_doubtful(f, &fetched) && fetch_for(f, e, in, &again, NULL) == 0) {
                sv_fetched_free(&fetched);
                fetched = again;
                again = (struct sv_fetched){0};
                r = appraise_fetched(e, in, &fetched, policy, claims, verdict, &why);
        }
        if (*claims)
                sv_fetch_mark_verified(f, &fetched);
        if (used) {
                *used = fetched;
                fetched = (struct sv_fetched){0};
        }
        if (r < 0 && err)
                *err = why;
        return r;
}
