/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/fetch-args.h"

#include <stdlib.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "base/program/xdg.h"

#define BUDGET_MS (120 * 1000)

void sv_fetch_args_free(struct sv_fetch_args *a)
{
        free(a->cache);
        *a = (struct sv_fetch_args){0};
}

char *sv_fetch_cache_dir(const struct sv_args *args, struct sv_err *err)
{
        const char *given = sv_opt(args, "cache");
        char *cache = given ? sv_asprintf("%s", given)
                            : sv_xdg_path("XDG_CACHE_HOME", ".cache", "secure-vm/collateral");

        if (cache)
                return cache;
        sv_fail(err, SV_USAGE, "collateral.cache-dir",
                "neither XDG_CACHE_HOME nor HOME says where a cache may be: give --cache");
        return NULL;
}

int sv_fetch_from_args(const struct sv_args *args, struct sv_fetch_args *out, struct sv_err *err)
{
        SV_FETCH_ARGS a = {.fetch = {.mirror_ca = sv_opt(args, "mirror-ca"),
                                     .offline = sv_opt(args, "offline"),
                                     .refresh = sv_has(args, "refresh"),
                                     .budget_ms = BUDGET_MS}};

        for (int i = 0; sv_opt_nth(args, "mirror", i); i++)
                a.mirrors[i] = sv_opt_nth(args, "mirror", i);
        a.fetch.mirrors = a.mirrors;
        if (sv_fetch_check(&a.fetch, err) < 0)
                return -1;
        if (!a.fetch.offline) {
                a.cache = sv_fetch_cache_dir(args, err);
                if (!a.cache)
                        return -1;
        }
        sv_fetch_defaults(&a.fetch);
        *out = a;
        out->fetch.mirrors = out->mirrors;
        out->fetch.cache = out->cache;
        a = (struct sv_fetch_args){0};
        return 0;
}

void sv_fetch_warn(const struct sv_fetched *f)
{
        for (size_t i = 0; i < f->n; i++)
                if (f->list[i].note)
                        sv_warn("%s: %s%s", f->list[i].entry.kind,
                                f->list[i].from == SV_FROM_STALE
                                        ? "from the cache, though it should have been asked for "
                                          "again: "
                                        : "",
                                f->list[i].note);
        for (size_t i = 0; i < sv_json_len(f->absent); i++)
                sv_warn("neither mirror nor folder has a %s: verification does without, and its "
                        "claims say so",
                        sv_json_str(sv_json_at(f->absent, i)));
}
