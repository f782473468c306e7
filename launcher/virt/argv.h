/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a program, as execv takes them. */
#pragma once

#include <stddef.h>

struct sv_words {
        char **list; /* ends with NULL once there is a word */
        size_t n;
};

/* Both end the program without memory, as sv_asprintf does. */
void sv_words_add(struct sv_words *w, const char *word);
void sv_words_addf(struct sv_words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sv_words_free(struct sv_words *w);
#define SV_WORDS __attribute__((cleanup(sv_words_free))) struct sv_words
