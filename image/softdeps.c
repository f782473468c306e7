/* SPDX-License-Identifier: Apache-2.0 */
#include "image/softdeps.h"

#include <stdlib.h>

#include "base/core/file.h"

static int add_soft(struct sv_moddep *d, size_t module, bool after, struct sv_err *err)
{
        struct sv_moddep_soft *soft = reallocarray(d->soft, d->n_soft + 1, sizeof(*soft));

        if (!soft)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a dependency");
        d->soft = soft;
        d->soft[d->n_soft++] = (struct sv_moddep_soft){.module = module, .after = after};
        return 0;
}

/* The module that a line "alias NAME MODULE" of `line` has for this name, or NULL. */
static const struct sv_moddep *read_alias(const struct sv_moddeps *m, const char *line, size_t n,
                                          const char *name)
{
        SV_STR text = NULL;
        char *save = NULL;
        const char *word, *module;

        if (n < 6 || strncmp(line, "alias ", 6) != 0 || line[6] != name[0])
                return NULL;
        text = sv_asprintf("%.*s", (int)(n - 6), line + 6);
        word = strtok_r(text, " \t", &save);
        module = strtok_r(NULL, " \t", &save);
        return word && module && sv_module_same_name(word, name) ? sv_moddeps_find(m, module)
                                                                 : NULL;
}

/* By its own name; else every module that has it as an alias. */
static int add_named(struct sv_moddep *d, const struct sv_moddeps *m, const char *aliases,
                     const char *name, bool after, struct sv_err *err)
{
        const struct sv_moddep *found = sv_moddeps_find(m, name);

        if (found)
                return add_soft(d, (size_t)(found - m->list), after, err);
        for (const char *line = aliases; *line;) {
                size_t n = strcspn(line, "\n");

                found = read_alias(m, line, n, name);
                if (found && add_soft(d, (size_t)(found - m->list), after, err) < 0)
                        return -1;
                line += n + (line[n] == '\n');
        }
        return 0;
}

static int add_line(char *line, const char *aliases, struct sv_moddeps *m, struct sv_err *err)
{
        enum { NOTHING, PRE, POST } kind = NOTHING;
        char *save = NULL, *word = strtok_r(line, " \t", &save);
        const struct sv_moddep *found;

        if (!word || strcmp(word, "softdep") != 0)
                return 0;
        word = strtok_r(NULL, " \t", &save);
        found = word ? sv_moddeps_find(m, word) : NULL;
        while (found && (word = strtok_r(NULL, " \t", &save))) {
                if (!strcmp(word, "pre:"))
                        kind = PRE;
                else if (!strcmp(word, "post:"))
                        kind = POST;
                else if (kind != NOTHING && add_named(&m->list[found - m->list], m, aliases, word,
                                                      kind == POST, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_softdeps_add(struct sv_bytes softdep, struct sv_bytes alias, struct sv_moddeps *m,
                    struct sv_err *err)
{
        SV_STR text = sv_asprintf("%.*s", (int)softdep.n, (const char *)softdep.p);
        SV_STR aliases = sv_asprintf("%.*s", (int)alias.n, (const char *)alias.p);
        char *save = NULL;

        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                if (add_line(line, aliases, m, err) < 0)
                        return -1;
        return 0;
}
