/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/fetch/get.h"

#include "attest/fetch/form.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

#define REQUEST_MS 30000
#define BACKOFF_MS 1000
#define FAULTS     3 /* tries when no server answers: no network must be reported soon */

static int fail_busy(const char *origin, int64_t until, struct sv_err *err)
{
        char time[32];

        return sv_fail(err, SV_SYSTEM, "collateral.busy",
                       "%s is asked too often and wants to be left alone until %s: try again then, "
                       "or take a mirror or an offline folder",
                       origin, sv_format_time(until, time));
}

/* Waits when the deadline allows; -1 without an error when it does not. */
static int pause_until(const struct sv_fetch *f, int64_t ms, int64_t deadline)
{
        int64_t now = f->now_ms(f->arg);

        if (ms > deadline)
                return -1;
        if (ms > now)
                f->sleep_ms(f->arg, ms - now);
        return 0;
}

/* The server told some process on this machine to come back later; that applies to this one too. */
static int respect_busy_origin(const struct sv_fetch *f, const char *origin, int64_t deadline,
                               struct sv_err *err)
{
        int64_t until = f->cache ? sv_cache_busy_until(f->cache, origin) : 0;

        return pause_until(f, until * 1000, deadline) < 0 ? fail_busy(origin, until, err) : 0;
}

static bool is_retry_useful(const struct sv_err *err)
{
        return !strcmp(err->check, "collateral.connect") ||
               !strcmp(err->check, "collateral.truncated");
}

/* When to ask again after this answer: ms since 1970; 0: never. */
static int64_t choose_retry_time(const struct sv_fetch *f, const struct sv_got *got, int try)
{
        const char *field = sv_json_str(sv_json_get(got->headers, "retry-after"));
        int64_t now = f->now_ms(f->arg), at = now + ((int64_t)BACKOFF_MS << try), until;

        if (got->status != 429 && got->status != 408 && got->status / 100 != 5)
                return 0;
        if ((got->status == 429 || got->status == 503) &&
            sv_fetch_retry_after(field, now / 1000, &until))
                /* A server that says "now" is still not asked at once. */
                return until * 1000 > now + BACKOFF_MS ? until * 1000 : now + BACKOFF_MS;
        return at;
}

static int fail_status(const char *url, int status, struct sv_err *err)
{
        if (status == 404 || status == 410)
                return sv_fail(err, SV_SYSTEM, "collateral.none",
                               "%s answers with HTTP status %d: it has no such thing", url, status);
        return sv_fail(err, SV_SYSTEM, "collateral.status", "%s answers with HTTP status %d", url,
                       status);
}

/* One try. 0: answered 200. 1: again, *at says when. -1: final. */
static int try_once(const struct sv_fetch *f, const struct sv_get *get, const char *origin, int try,
                    struct sv_got *out, int64_t *at, struct sv_err *err)
{
        SV_GOT got = {0};
        struct sv_err why = SV_ERR_NULL;

        if (f->get(f->arg, get, &got, &why) < 0) {
                if (err)
                        *err = why;
                *at = f->now_ms(f->arg) + ((int64_t)BACKOFF_MS << try);
                return is_retry_useful(&why) && try + 1 < FAULTS ? 1 : -1;
        }
        if (got.status == 200) {
                *out = got;
                got = (struct sv_got){0};
                return 0;
        }
        *at = choose_retry_time(f, &got, try);
        fail_status(get->url, got.status, err);
        if (got.status == 429 && *at) {
                /* Told to all who share the cache. That it cannot be written only costs them a
                 * question. */
                if (f->cache)
                        (void)sv_cache_set_busy(f->cache, origin, (*at + 999) / 1000, NULL);
                fail_busy(origin, (*at + 999) / 1000, err);
        }
        return *at ? 1 : -1;
}

int sv_fetch_get(const struct sv_fetch *f, const char *url, bool mirrored, int64_t deadline,
                 struct sv_got *out, struct sv_err *err)
{
        SV_STR origin = sv_fetch_origin(url);
        struct sv_get get = {.url = url,
                             .plain = mirrored && !strncmp(url, "http://", 7),
                             .ca_file = mirrored ? f->mirror_ca : NULL,
                             .max = SV_COLLATERAL_SIZE_MAX};
        int64_t at = 0;

        if (respect_busy_origin(f, origin, deadline, err) < 0)
                return -1;
        for (int try = 0; try < SV_FETCH_TRIES; try++) {
                int64_t left = deadline - f->now_ms(f->arg);
                int r;

                if (left <= 0)
                        return try ? -1
                                   : sv_fail(err, SV_SYSTEM, "collateral.budget",
                                             "no time was left to ask for %s", url);
                get.timeout_ms = left < REQUEST_MS ? left : REQUEST_MS;
                r = try_once(f, &get, origin, try, out, &at, err);
                if (r <= 0)
                        return r;
                if (try + 1 < SV_FETCH_TRIES && pause_until(f, at, deadline) < 0)
                        return -1; /* *err says what the last answer was */
        }
        return -1;
}
