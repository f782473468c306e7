/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/argv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append_arg(struct sv_argv *w, char *word)
{
        char **list = word ? realloc(w->list, (w->n + 2) * sizeof(*list)) : NULL;

        if (!list)
                abort();
        w->list = list;
        w->list[w->n++] = word;
        w->list[w->n] = NULL;
}

void sv_argv_add(struct sv_argv *w, const char *word)
{
        append_arg(w, strdup(word));
}

void sv_argv_addf(struct sv_argv *w, const char *fmt, ...)
{
        char *word = NULL;
        va_list args;

        va_start(args, fmt);
        if (vasprintf(&word, fmt, args) < 0)
                word = NULL;
        va_end(args);
        append_arg(w, word);
}

void sv_argv_free(struct sv_argv *w)
{
        for (size_t i = 0; i < w->n; i++)
                free(w->list[i]);
        free(w->list);
        *w = (struct sv_argv){0};
}
