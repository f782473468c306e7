/* SPDX-License-Identifier: Apache-2.0 */
#include "image/moddeps.h"

#include <stdlib.h>

#include "base/core/file.h"

#define LINES_MAX 65536 /* a distribution's kernel has about 4000 modules */
/* of dependencies; the deepest chain of a distribution's kernel is below 20 */
#define DEPTH_MAX 64

enum { UNSEEN, ACTIVE, DONE };

const char *sv_module_suffix(const char *path)
{
        static const char *const suffixes[] = {".ko", ".ko.xz", ".ko.zst", ".ko.gz"};
        const char *base = sv_path_name(path);
        size_t n = strlen(base);

        for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
                size_t s = strlen(suffixes[i]);

                if (n > s && strcmp(base + n - s, suffixes[i]) == 0)
                        return base + n - s;
        }
        return NULL;
}

char *sv_module_name(const char *path)
{
        const char *suffix = sv_module_suffix(path), *base = sv_path_name(path);
        char *name;

        if (!suffix)
                return NULL;
        name = sv_asprintf("%.*s", (int)(suffix - base), base);
        for (char *c = name; *c; c++)
                if (*c == '-')
                        *c = '_';
        return name;
}

void sv_moddeps_free(struct sv_moddeps *m)
{
        for (size_t i = 0; i < m->n; i++) {
                free(m->list[i].path);
                free(m->list[i].name);
                free(m->list[i].deps);
                free(m->list[i].soft);
        }
        free(m->list);
        *m = (struct sv_moddeps)SV_MODDEPS_NULL;
}

static bool is_module_path(const char *path)
{
        if (path[0] == '/' || strstr(path, "//"))
                return false;
        for (const char *p = path; *p; p++)
                if ((unsigned char)*p <= ' ' ||
                    (p[0] == '.' && p[1] == '.' && (p == path || p[-1] == '/')))
                        return false;
        return true;
}

static int fail_line(struct sv_err *err, size_t line, const char *what)
{
        return sv_fail(err, SV_FORMAT, "image.modules.dep", "modules.dep line %zu: %s", line, what);
}

static int add_names(char *text, char **rests, struct sv_moddeps *m, struct sv_err *err)
{
        char *save = NULL;

        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char *colon = strchr(line, ':');
                struct sv_moddep *d = &m->list[m->n];

                if (!colon || (colon[1] && colon[1] != ' '))
                        return fail_line(err, m->n + 1, "expected \"path: paths\"");
                *colon = 0;
                if (!is_module_path(line) || !(d->name = sv_module_name(line)))
                        return fail_line(err, m->n + 1,
                                         "the path is not that of a module below the directory");
                d->path = sv_asprintf("%s", line);
                rests[m->n++] = colon + 1;
        }
        return 0;
}

static int compare_modules(const void *a, const void *b)
{
        return strcmp((*(const struct sv_moddep *const *)a)->path,
                      (*(const struct sv_moddep *const *)b)->path);
}

static int add_dependencies(char **rests, const struct sv_moddep **sorted, struct sv_moddeps *m,
                            struct sv_err *err)
{
        for (size_t i = 0; i < m->n; i++)
                sorted[i] = &m->list[i];
        qsort(sorted, m->n, sizeof(*sorted), compare_modules);
        for (size_t i = 1; i < m->n; i++)
                if (strcmp(sorted[i - 1]->path, sorted[i]->path) == 0)
                        return fail_line(err, (size_t)(sorted[i] - m->list) + 1,
                                         "a module has two lines");
        for (size_t i = 0; i < m->n; i++) {
                struct sv_moddep *d = &m->list[i];
                char *save = NULL;

                for (char *word = strtok_r(rests[i], " ", &save); word;
                     word = strtok_r(NULL, " ", &save)) {
                        const struct sv_moddep key = {.path = word}, *p = &key;
                        const struct sv_moddep **found =
                                bsearch(&p, sorted, m->n, sizeof(*sorted), compare_modules);
                        size_t *deps =
                                found ? reallocarray(d->deps, d->n_deps + 1, sizeof(*deps)) : NULL;

                        if (!found)
                                return fail_line(err, i + 1, "needs a module that has no line");
                        if (!deps)
                                return sv_fail(err, SV_SYSTEM, "base.memory",
                                               "no memory for a dependency");
                        d->deps = deps;
                        d->deps[d->n_deps++] = (size_t)(*found - m->list);
                }
        }
        return 0;
}

static int parse_lines(char *text, size_t lines, struct sv_moddeps *m, struct sv_err *err)
{
        char **rests = calloc(lines, sizeof(*rests));
        const struct sv_moddep **sorted = calloc(lines, sizeof(*sorted));
        int r;

        m->list = calloc(lines, sizeof(*m->list));
        if (!rests || !sorted || !m->list)
                r = sv_fail(err, SV_SYSTEM, "base.memory", "no memory for modules.dep");
        else if ((r = add_names(text, rests, m, err)) == 0 && m->n)
                r = add_dependencies(rests, sorted, m, err);
        free(rests);
        free(sorted);
        return r;
}

int sv_moddeps_parse(struct sv_bytes text, struct sv_moddeps *out, struct sv_err *err)
{
        SV_MODDEPS m = SV_MODDEPS_NULL;
        SV_STR copy = NULL;
        size_t lines = 1;

        if (text.n && memchr(text.p, 0, text.n))
                return sv_fail(err, SV_FORMAT, "image.modules.dep", "modules.dep holds a NUL byte");
        copy = strndup((const char *)(text.n ? text.p : (const uint8_t *)""), text.n);
        if (!copy)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for modules.dep");
        for (const char *p = copy; (p = strchr(p, '\n')); p++)
                lines++;
        if (lines > LINES_MAX)
                return sv_fail(err, SV_FORMAT, "image.modules.dep",
                               "modules.dep has more than %d lines", LINES_MAX);
        if (parse_lines(copy, lines, &m, err) < 0)
                return -1;
        *out = m;
        m = (struct sv_moddeps)SV_MODDEPS_NULL;
        return 0;
}

bool sv_module_same_name(const char *a, const char *b)
{
        for (; *a && *b; a++, b++)
                if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
                        return false;
        return *a == *b;
}

const struct sv_moddep *sv_moddeps_find(const struct sv_moddeps *m, const char *name)
{
        for (size_t i = 0; i < m->n; i++)
                if (sv_module_same_name(m->list[i].name, name))
                        return &m->list[i];
        return NULL;
}

/* Does it need a module whose own needs are just being looked at? Then it cannot come before that
 * one. */
static bool needs_active(const struct sv_moddeps *m, size_t i, unsigned depth)
{
        const struct sv_moddep *d = &m->list[i];

        if (d->mark != UNSEEN || depth > DEPTH_MAX)
                return d->mark != DONE;
        for (size_t k = 0; k < d->n_deps; k++)
                if (needs_active(m, d->deps[k], depth + 1))
                        return true;
        return false;
}

static int visit_module(struct sv_moddeps *m, size_t i, unsigned depth,
                        const struct sv_moddep **order, size_t *n, struct sv_err *err)
{
        struct sv_moddep *d = &m->list[i];

        if (d->mark == DONE)
                return 0;
        if (d->mark == ACTIVE || depth > DEPTH_MAX)
                return sv_fail(err, SV_FORMAT, "image.modules.cycle",
                               "the modules that %s needs form a circle or a very long chain",
                               d->name);
        d->mark = ACTIVE;
        for (size_t k = 0; k < d->n_deps; k++)
                if (visit_module(m, d->deps[k], depth + 1, order, n, err) < 0)
                        return -1;
        for (size_t k = 0; k < d->n_soft; k++)
                if (!d->soft[k].after && !needs_active(m, d->soft[k].module, 0) &&
                    visit_module(m, d->soft[k].module, depth + 1, order, n, err) < 0)
                        return -1;
        d->mark = DONE;
        order[(*n)++] = d;
        return 0;
}

int sv_moddeps_order(struct sv_moddeps *m, const struct sv_moddep *module,
                     const struct sv_moddep **order, size_t *n, struct sv_err *err)
{
        size_t from = *n;

        if (visit_module(m, (size_t)(module - m->list), 0, order, n, err) < 0)
                return -1;
        /* What comes after, and what could not come before. */
        for (; from < *n; from++)
                for (size_t k = 0; k < order[from]->n_soft; k++)
                        if (visit_module(m, order[from]->soft[k].module, 0, order, n, err) < 0)
                                return -1;
        return 0;
}
