/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a program, as execv takes them. */
#pragma once

#include <stddef.h>

struct sv_argv {
        char **list; /* ends with NULL once there is an argument */
        size_t n;
};

/* Both abort when memory runs out. */
void sv_argv_add(struct sv_argv *w, const char *word);
void sv_argv_addf(struct sv_argv *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sv_argv_free(struct sv_argv *w);
#define SV_ARGV __attribute__((cleanup(sv_argv_free))) struct sv_argv
