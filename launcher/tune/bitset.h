/* SPDX-License-Identifier: Apache-2.0 */
/* A set of small numbers (CPUs, nodes), read and written as the kernel's lists: "0-3,8". */
#pragma once

#include "base/core/buf.h"
#include "base/core/limits.h"

struct sv_bitset {
        uint64_t words[SV_CPUS_MAX / 64];
};

static inline bool sv_bitset_has(const struct sv_bitset *s, unsigned n)
{
        return n < SV_CPUS_MAX && s->words[n / 64] >> n % 64 & 1;
}

static inline void sv_bitset_add(struct sv_bitset *s, unsigned n)
{
        s->words[n / 64] |= 1ull << n % 64;
}

static inline void sv_bitset_remove(struct sv_bitset *s, unsigned n)
{
        s->words[n / 64] &= ~(1ull << n % 64);
}

/* The first that is not below `from`; SV_CPUS_MAX when there is none. So a walk is
 * for (i = sv_bitset_next(s, 0); i < SV_CPUS_MAX; i = sv_bitset_next(s, i + 1)). */
unsigned sv_bitset_next(const struct sv_bitset *s, unsigned from);
unsigned sv_bitset_count(const struct sv_bitset *s);
unsigned sv_bitset_count_both(const struct sv_bitset *a, const struct sv_bitset *b);
bool sv_bitset_equal(const struct sv_bitset *a, const struct sv_bitset *b);
/* Is each of `inner` in `outer`? */
bool sv_bitset_within(const struct sv_bitset *inner, const struct sv_bitset *outer);
void sv_bitset_join(struct sv_bitset *s, const struct sv_bitset *more);
void sv_bitset_keep(struct sv_bitset *s, const struct sv_bitset *these);
void sv_bitset_drop(struct sv_bitset *s, const struct sv_bitset *these);

/* A list of numbers below `limit` in ascending order; an empty text is the empty set, one newline
 * at the end is taken. SV_FORMAT `check` for anything else; `what` names the text. */
int sv_bitset_parse(const char *text, unsigned limit, struct sv_bitset *out, const char *what,
                    const char *check, struct sv_err *err);
/* Appends it as a list; nothing for the empty set. */
void sv_bitset_put(const struct sv_bitset *s, struct sv_buf *out);
