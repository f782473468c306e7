/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching without a network: answers from a table, a clock that only moves when somebody waits. */
#pragma once

#include <dirent.h>

#include "base/core/encoding.h"
#include "tests/unit/makers.h"

#include "attest/fetch/fetch.h"
#include "base/core/limits.h"

#define NOW   1767225600 /* 2026-01-01 */
#define URL   "https://maker.example/doc"
#define UNTIL 1769904000 /* nextUpdate of MAKERS_BODY */

static char dir[64];

/* --- a world --- */

struct answer {
        int status; /* 0: no answer; -1: cut short */
        const char *retry_after, *body;
};

struct world {
        int64_t now_ms, slept_ms;
        unsigned asked, sleeps;
        const struct answer *answers; /* the last one for ever */
        size_t n;
};

static int64_t world_now(void *arg)
{
        return ((struct world *)arg)->now_ms;
}

static void world_sleep(void *arg, int64_t ms)
{
        struct world *w = arg;

        w->slept_ms += ms;
        w->now_ms += ms;
        w->sleeps++;
}

static int world_get(void *arg, const struct sv_get *get, struct sv_got *out, struct sv_err *err)
{
        struct world *w = arg;
        const struct answer *a = &w->answers[w->asked < w->n ? w->asked : w->n - 1];

        w->asked++;
        if (a->status <= 0)
                return sv_fail(err, SV_SYSTEM,
                               a->status ? "collateral.truncated" : "collateral.connect",
                               "nothing from %s", get->url);
        out->status = a->status;
        out->headers = sv_json_object();
        if (a->retry_after)
                sv_json_set_str(out->headers, "retry-after", a->retry_after);
        sv_buf_puts(&out->body, a->body ? a->body : MAKERS_BODY);
        return 0;
}

static struct sv_fetch world_fetch(struct world *w)
{
        return (struct sv_fetch){.cache = dir,
                                 .budget_ms = 60000,
                                 .now_ms = world_now,
                                 .sleep_ms = world_sleep,
                                 .get = world_get,
                                 .arg = w};
}

static struct sv_json *needs_of(const char *json)
{
        struct sv_json *needs;
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str(json), "test", &needs, &err));
        return needs;
}

#define DOC   "{\"kind\":\"doc\",\"url\":\"" URL "\",\"form\":\"json\""
#define ROW   "[" DOC "}]"
#define TIMED "[" DOC ",\"max_age\":3600,\"next_update\":\"/nextUpdate\"}]"

static int fetch(struct world *w, const char *json, struct sv_fetched *out, struct sv_err *err)
{
        struct sv_fetch f = world_fetch(w);
        SV_JSON *needs = needs_of(json);

        return sv_fetch_needs(&f, needs, NULL, out, err);
}

static int set_up(void **state)
{
        snprintf(dir, sizeof(dir), "/tmp/sv-fetch-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, NULL);
}

/* Files in the cache whose name has this in it. */
static unsigned files_with(const char *part)
{
        DIR *d = opendir(dir);
        struct dirent *e;
        unsigned n = 0;

        while (d && (e = readdir(d)))
                n += strstr(e->d_name, part) != NULL;
        closedir(d);
        return n;
}
