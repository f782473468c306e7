/* SPDX-License-Identifier: Apache-2.0 */
/* The member "collateral" of the configuration: may the broker fetch, and from where. */
#include <stdlib.h>

#include "attest/fetch/fetch.h"
#include "base/core/file.h"
#include "broker/config.h"

#define FETCHES_PER_MINUTE 60

void sv_broker_collateral_free(struct sv_broker_collateral *c)
{
        for (size_t i = 0; c->mirrors && c->mirrors[i]; i++)
                free(c->mirrors[i]);
        free(c->mirrors);
        free(c->offline);
        free(c->cache);
        free(c->mirror_ca);
        *c = (struct sv_broker_collateral){0};
}

bool sv_broker_same_text(const char *a, const char *b)
{
        return a && b ? !strcmp(a, b) : a == b;
}

bool sv_broker_collateral_same(const struct sv_broker_collateral *a,
                               const struct sv_broker_collateral *b)
{
        size_t i = 0;

        if (a->fetch != b->fetch || a->fetches_per_minute != b->fetches_per_minute ||
            !sv_broker_same_text(a->offline, b->offline) ||
            !sv_broker_same_text(a->cache, b->cache) ||
            !sv_broker_same_text(a->mirror_ca, b->mirror_ca) || !a->mirrors != !b->mirrors)
                return false;
        while (a->mirrors && a->mirrors[i] && b->mirrors[i] &&
               !strcmp(a->mirrors[i], b->mirrors[i]))
                i++;
        return !a->mirrors || (!a->mirrors[i] && !b->mirrors[i]);
}

static int fail_collateral(struct sv_bytes text, const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "broker.config.collateral", "line %u: %s",
                       sv_json_line(text, "/collateral"), what);
}

static int take_path(const struct sv_json *value, struct sv_bytes text, const char *member,
                     const char *dir, char **out, struct sv_err *err)
{
        const struct sv_json *path = sv_json_get(value, member);
        const char *s = sv_json_str(path);
        SV_STR what = sv_asprintf("\"%s\" must be a path", member);

        if (path && (!s || !*s))
                return fail_collateral(text, what, err);
        if (s)
                *out = *s == '/' ? sv_asprintf("%s", s) : sv_asprintf("%s/%s", dir, s);
        return 0;
}

/* One "[HOST=]URL", or an array of them. */
static int take_mirrors(const struct sv_json *value, struct sv_bytes text, char ***out,
                        struct sv_err *err)
{
        const struct sv_json *mirror = sv_json_get(value, "mirror");
        bool many = sv_json_type(mirror) == SV_JSON_ARRAY;
        size_t n = many ? sv_json_len(mirror) : mirror ? 1 : 0;
        char **list = n ? calloc(n + 1, sizeof(*list)) : NULL;
        struct sv_fetch f = {.mirrors = (const char *const *)list};

        if (!n)
                return mirror ? fail_collateral(text, "\"mirror\" is empty", err) : 0;
        if (!list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the mirrors");
        *out = list;
        for (size_t i = 0; i < n; i++) {
                const char *s = sv_json_str(many ? sv_json_at(mirror, i) : mirror);

                if (!s)
                        return fail_collateral(
                                text, "\"mirror\" must be a URL, HOST=URL, or an array of them",
                                err);
                list[i] = sv_asprintf("%s", s);
        }
        return sv_fetch_check(&f, err);
}

static int take_rate(const struct sv_json *value, struct sv_bytes text, int64_t *out,
                     struct sv_err *err)
{
        const struct sv_json *rate = sv_json_get(value, "fetches_per_minute");

        *out = rate ? sv_json_int(rate, 0) : FETCHES_PER_MINUTE;
        if (*out < 1 || *out > 100000)
                return fail_collateral(
                        text, "\"fetches_per_minute\" must be an integer from 1 to 100000", err);
        return 0;
}

int sv_broker_collateral_parse(const struct sv_json *value, struct sv_bytes text, const char *dir,
                               struct sv_broker_collateral *out, struct sv_err *err)
{
        static const char *const names[] = {
                "fetch", "offline", "cache", "mirror", "mirror_ca", "fetches_per_minute", NULL};
        __attribute__((cleanup(sv_broker_collateral_free))) struct sv_broker_collateral c = {0};
        const struct sv_json *fetch = sv_json_get(value, "fetch");

        if (!value)
                return 0;
        if (sv_json_type(value) != SV_JSON_OBJECT || (fetch && sv_json_type(fetch) != SV_JSON_BOOL))
                return fail_collateral(
                        text, "\"collateral\" must be an object, its \"fetch\" true or false", err);
        if (sv_json_only(value, names, "broker.config.collateral", err) < 0 ||
            take_path(value, text, "offline", dir, &c.offline, err) < 0 ||
            take_path(value, text, "cache", dir, &c.cache, err) < 0 ||
            take_path(value, text, "mirror_ca", dir, &c.mirror_ca, err) < 0 ||
            take_mirrors(value, text, &c.mirrors, err) < 0) {
                if (err)
                        err->class = SV_USAGE;
                return -1;
        }
        c.fetch = sv_json_bool(fetch, false);
        if (take_rate(value, text, &c.fetches_per_minute, err) < 0)
                return -1;
        if (c.fetch && c.offline)
                return fail_collateral(
                        text, "either \"fetch\" or \"offline\": an offline folder is all there is",
                        err);
        if (!c.fetch && (c.cache || c.mirrors || c.mirror_ca))
                return fail_collateral(
                        text,
                        "nothing is fetched, so cache and mirrors are of no use: set \"fetch\" "
                        "to true",
                        err);
        if (c.fetch && !c.cache)
                c.cache = sv_asprintf("%s/collateral", dir);
        *out = c;
        c = (struct sv_broker_collateral){0};
        return 0;
}
