/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/bitset.h"

#include "launcher/tune/sys-file.h"

#define WORDS (SV_CPUS_MAX / 64)

unsigned sv_bitset_next(const struct sv_bitset *s, unsigned from)
{
        uint64_t left;

        if (from >= SV_CPUS_MAX)
                return SV_CPUS_MAX;
        left = s->words[from / 64] >> from % 64;
        if (left)
                return from + (unsigned)__builtin_ctzll(left);
        for (unsigned i = from / 64 + 1; i < WORDS; i++)
                if (s->words[i])
                        return i * 64 + (unsigned)__builtin_ctzll(s->words[i]);
        return SV_CPUS_MAX;
}

unsigned sv_bitset_count(const struct sv_bitset *s)
{
        return sv_bitset_count_both(s, s);
}

unsigned sv_bitset_count_both(const struct sv_bitset *a, const struct sv_bitset *b)
{
        unsigned n = 0;

        for (unsigned i = 0; i < WORDS; i++)
                n += (unsigned)__builtin_popcountll(a->words[i] & b->words[i]);
        return n;
}

bool sv_bitset_equal(const struct sv_bitset *a, const struct sv_bitset *b)
{
        return sv_bitset_within(a, b) && sv_bitset_within(b, a);
}

bool sv_bitset_within(const struct sv_bitset *inner, const struct sv_bitset *outer)
{
        for (unsigned i = 0; i < WORDS; i++)
                if (inner->words[i] & ~outer->words[i])
                        return false;
        return true;
}

void sv_bitset_join(struct sv_bitset *s, const struct sv_bitset *more)
{
        for (unsigned i = 0; i < WORDS; i++)
                s->words[i] |= more->words[i];
}

void sv_bitset_keep(struct sv_bitset *s, const struct sv_bitset *these)
{
        for (unsigned i = 0; i < WORDS; i++)
                s->words[i] &= these->words[i];
}

void sv_bitset_drop(struct sv_bitset *s, const struct sv_bitset *these)
{
        for (unsigned i = 0; i < WORDS; i++)
                s->words[i] &= ~these->words[i];
}

/* Decimal digits below `limit`, no zero in front. */
static bool take_list_number(const char **at, unsigned limit, unsigned *out)
{
        uint64_t n = 0;

        if ((**at == '0' && (*at)[1] >= '0' && (*at)[1] <= '9') ||
            !sv_sys_take_number(at, limit - 1, &n))
                return false;
        *out = (unsigned)n;
        return true;
}

static bool take_range(const char **at, unsigned limit, unsigned least, struct sv_bitset *out,
                       unsigned *next)
{
        unsigned from, to;

        if (!take_list_number(at, limit, &from) || from < least)
                return false;
        to = from;
        if (**at == '-') {
                ++*at;
                if (!take_list_number(at, limit, &to) || to <= from)
                        return false;
        }
        for (unsigned i = from; i <= to; i++)
                sv_bitset_add(out, i);
        *next = to + 1;
        return true;
}

int sv_bitset_parse(const char *text, unsigned limit, struct sv_bitset *out, const char *what,
                    const char *check, struct sv_err *err)
{
        struct sv_bitset found = {0};
        const char *at = text;
        unsigned least = 0;
        bool good = true;

        while (good && *at && *at != '\n') {
                good = take_range(&at, limit, least, &found, &least);
                if (good && *at == ',')
                        good = *++at && *at != '\n';
                else if (good)
                        good = !*at || *at == '\n';
        }
        if (good && *at == '\n')
                good = !at[1];
        if (!good)
                return sv_fail(err, SV_FORMAT, check,
                               "%s: a list of numbers below %u in ascending order, as \"0-3,8\", "
                               "was expected, found \"%.60s\"",
                               what, limit, text);
        *out = found;
        return 0;
}

void sv_bitset_put(const struct sv_bitset *s, struct sv_buf *out)
{
        const char *comma = "";

        for (unsigned from = sv_bitset_next(s, 0); from < SV_CPUS_MAX;) {
                unsigned to = from;

                while (sv_bitset_has(s, to + 1))
                        to++;
                if (to > from)
                        sv_buf_printf(out, "%s%u-%u", comma, from, to);
                else
                        sv_buf_printf(out, "%s%u", comma, from);
                comma = ",";
                from = sv_bitset_next(s, to + 1);
        }
}
