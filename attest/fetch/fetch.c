/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/fetch/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "attest/fetch/form.h"
#include "attest/fetch/get.h"
#include "attest/fetch/offline.h"
#include "base/core/file.h"

#define LOCK_POLL_MS 50

static int64_t get_real_ms(void *arg)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_real_ms(void *arg, int64_t ms)
{
        struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

static int get_by_curl(void *arg, const struct sv_get *get, struct sv_got *out, struct sv_err *err)
{
        return sv_curl_get(get, out, err);
}

void sv_fetch_defaults(struct sv_fetch *f)
{
        f->now_ms = get_real_ms;
        f->sleep_ms = sleep_real_ms;
        f->get = get_by_curl;
}

int sv_fetch_check(const struct sv_fetch *f, struct sv_err *err)
{
        SV_JSON *row = sv_json_object();
        bool mirrored;

        for (const char *const *m = f->mirrors; m && *m; m++) {
                const char *const one[] = {*m, NULL};
                const char *equals = strchr(*m, '=');
                SV_STR any = sv_asprintf("https://%.*s/", equals ? (int)(equals - *m) : 4,
                                         equals ? *m : "host");
                SV_STR url = NULL;

                sv_json_set_str(row, "url", any);
                url = sv_fetch_url(row, one, &mirrored, err);
                if (!url || !mirrored)
                        return url ? sv_fail(err, SV_USAGE, "collateral.mirror",
                                             "expected [HOST=]URL as mirror, found \"%.200s\"", *m)
                                   : -1;
        }
        return 0;
}

/* --- one row --- */

static int64_t get_now_s(const struct sv_fetch *f)
{
        return f->now_ms(f->arg) / 1000;
}

static bool is_entry_valid(const struct sv_fetch *f, const struct sv_entry *e)
{
        return e->until > get_now_s(f);
}

static bool is_entry_fresh(const struct sv_fetch *f, const struct sv_entry *e)
{
        bool for_ever = e->refresh == SV_NEVER && e->until == SV_NEVER;

        /* A clock that went back must not make an entry fresh for longer than it was to be. */
        return is_entry_valid(f, e) && e->refresh > get_now_s(f) &&
               (for_ever || (!f->refresh && e->fetched <= get_now_s(f)));
}

/* Takes the URL's lock. A process that holds it is fetching the same thing, and its answer will do
 * for this process too. */
static int lock_url(const struct sv_fetch *f, const char *url, int64_t deadline,
                    struct sv_cache_lock *lock, struct sv_err *err)
{
        for (;;) {
                if (sv_cache_take_lock(f->cache, url, lock, err) < 0)
                        return -1;
                if (lock->fd >= 0)
                        return 0;
                if (f->now_ms(f->arg) >= deadline)
                        return sv_fail(err, SV_SYSTEM, "collateral.lock",
                                       "another process has been fetching %s for too long", url);
                f->sleep_ms(f->arg, LOCK_POLL_MS);
        }
}

static bool is_known(const struct sv_fetch *f, const char *url)
{
        SV_STR about = sv_fetch_about(url);

        return f->cache && sv_cache_is_known(f->cache, about);
}

static int make_entry(const struct sv_fetch *f, const struct sv_json *row, int64_t deadline,
                      struct sv_entry *out, struct sv_err *err)
{
        SV_GOT got = {0};
        SV_ENTRY e = {0};
        bool mirrored;
        SV_STR url = sv_fetch_url(row, f->mirrors, &mirrored, err);
        int64_t max_age = sv_json_int(sv_json_get(row, "max_age"), SV_NEVER);

        if (!url || (f->allow &&
                     f->allow(f->arg, is_known(f, sv_json_str(sv_json_get(row, "url"))), err) < 0))
                return -1;
        if (sv_fetch_get(f, url, mirrored, deadline, &got, err) < 0)
                return -1;
        e.url = sv_asprintf("%s", sv_json_str(sv_json_get(row, "url")));
        snprintf(e.kind, sizeof(e.kind), "%s", sv_json_str(sv_json_get(row, "kind")));
        e.fetched = get_now_s(f);
        e.refresh = max_age < SV_NEVER - e.fetched ? e.fetched + max_age : SV_NEVER;
        e.body = got.body;
        got.body = (struct sv_buf)SV_BUF_NULL;
        if (sv_fetch_form(row, &e, err) < 0 || sv_fetch_headers(row, got.headers, &e, err) < 0)
                return -1;
        *out = e;
        e = (struct sv_entry){0};
        return 0;
}

/* With the lock: look again, ask, keep. */
static int fetch_locked(const struct sv_fetch *f, const struct sv_json *row, const char *url,
                        int64_t deadline, struct sv_fetched_item *item, struct sv_err *err)
{
        SV_ENTRY old = {0};
        struct sv_err why = SV_ERR_NULL;
        bool there = false;

        if (f->cache && sv_cache_get(f->cache, url, &old, &there, err) < 0)
                return -1;
        if (there && is_entry_fresh(f, &old)) {
                item->entry = old;
                old = (struct sv_entry){0};
                item->from = SV_FROM_CACHE;
                return 0;
        }
        if (make_entry(f, row, deadline, &item->entry, &why) == 0) {
                item->from = SV_FROM_NETWORK;
                /* A full disk is no reason to refuse what is there. */
                if (f->cache && sv_cache_put(f->cache, &item->entry, &why) < 0)
                        item->note = sv_asprintf("it could not be kept: %s", why.msg);
                return 0;
        }
        if (there && is_entry_valid(f, &old) && why.class == SV_SYSTEM) {
                item->entry = old;
                old = (struct sv_entry){0};
                item->from = SV_FROM_STALE;
                item->note = sv_asprintf("%s", why.msg);
                return 0;
        }
        if (err)
                *err = why;
        return -1;
}

static int fetch_row(const struct sv_fetch *f, const struct sv_json *row, int64_t deadline,
                     struct sv_fetched_item *item, struct sv_err *err)
{
        const char *url = sv_json_str(sv_json_get(row, "url"));
        SV_CACHE_LOCK lock = SV_CACHE_LOCK_NULL;
        bool there = false;

        if (!f->cache)
                return fetch_locked(f, row, url, deadline, item, err);
        if (sv_cache_get(f->cache, url, &item->entry, &there, err) < 0)
                return -1;
        if (there && is_entry_fresh(f, &item->entry)) {
                item->from = SV_FROM_CACHE;
                return 0;
        }
        sv_entry_free(&item->entry);
        return lock_url(f, url, deadline, &lock, err) < 0
                       ? -1
                       : fetch_locked(f, row, url, deadline, item, err);
}

/* --- all rows --- */

static bool is_given(const struct sv_collateral *given, const char *kind)
{
        struct sv_bytes data;

        return given && sv_collateral_get(given, kind, 0, &data);
}

/* A mirror may lack what verify does without, as a folder may; the maker's own server may not. */
static bool is_optional_on_mirror(const struct sv_fetch *f, const struct sv_json *row,
                                  const struct sv_err *why)
{
        bool mirrored = false;
        SV_STR url = sv_fetch_url(row, f->mirrors, &mirrored, NULL);

        return url && mirrored && sv_json_bool(sv_json_get(row, "optional"), false) &&
               !strcmp(why->check, "collateral.none");
}

static int add_row(const struct sv_fetch *f, const struct sv_json *row, int64_t deadline,
                   struct sv_fetched *out, struct sv_err *err)
{
        const char *kind = sv_json_str(sv_json_get(row, "kind"));
        struct sv_fetched_item *list = reallocarray(out->list, out->n + 1, sizeof(*list));
        struct sv_fetched_item item = {.from = SV_FROM_OFFLINE};
        struct sv_err why = SV_ERR_NULL;
        bool absent = false;
        int r;

        if (!list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %s", kind);
        out->list = list;
        r = f->offline ? sv_fetch_offline(f->offline, row, &item.entry, &absent, &why)
                       : fetch_row(f, row, deadline, &item, &why);
        if (r < 0 && !f->offline && is_optional_on_mirror(f, row, &why)) {
                absent = true;
                r = 0;
        }
        if (r < 0) {
                sv_entry_free(&item.entry);
                if (err)
                        *err = why;
                return sv_wrap(err, "the %s that the evidence needs", kind);
        }
        if (absent)
                sv_json_add(out->absent, sv_json_new_str(kind));
        else
                list[out->n++] = item;
        return 0;
}

int sv_fetch_needs(const struct sv_fetch *f, const struct sv_json *needs,
                   const struct sv_collateral *given, struct sv_fetched *out, struct sv_err *err)
{
        int64_t deadline = f->now_ms(f->arg) + f->budget_ms;
        SV_FETCHED all = {.absent = sv_json_array()};

        for (size_t i = 0; i < sv_json_len(needs); i++) {
                const struct sv_json *row = sv_json_at(needs, i);
                const char *kind = sv_json_str(sv_json_get(row, "kind"));

                if (!kind || strlen(kind) >= sizeof(all.list->entry.kind) ||
                    !sv_json_str(sv_json_get(row, "url")))
                        return sv_fail(err, SV_FORMAT, "collateral.needs",
                                       "row %zu of what is needed has no kind or no url", i);
                if (is_given(given, kind))
                        continue;
                /* Not before something is needed: evidence that needs nothing needs no cache
                 * either. */
                if (!f->offline && f->cache && sv_cache_open(f->cache, err) < 0)
                        return -1;
                if (add_row(f, row, deadline, &all, err) < 0)
                        return -1;
        }
        *out = all;
        all = (struct sv_fetched){0};
        return 0;
}
