/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/jsonscan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/core/limits.h"

struct scan {
        const uint8_t *p;
        size_t n, at;
        unsigned depth;
        size_t values;
        struct sv_jsonscan *out;
};

static int value(struct scan *s, const char *want);

static int fault(struct scan *s, const char *expected)
{
        if (!s->out->problem) {
                s->out->problem = expected;
                s->out->error_at = s->at;
        }
        return -1;
}

static int peek(const struct scan *s)
{
        return s->at < s->n ? s->p[s->at] : -1;
}

static void blanks(struct scan *s)
{
        int c;

        while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
                s->at++;
}

static bool is_hex(int c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int escape(struct scan *s)
{
        int c = (s->at++, peek(s));

        if (c < 0 || !strchr("\"\\/bfnrtu", c) || !c)
                return fault(s, "one of \" \\ / b f n r t u after a backslash");
        s->at++;
        for (int i = 0; c == 'u' && i < 4; i++, s->at++)
                if (!is_hex(peek(s)))
                        return fault(s, "four hex digits after \\u");
        return 0;
}

/* One UTF-8 sequence (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
static int utf8(struct scan *s)
{
        uint8_t c = s->p[s->at];
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        uint32_t v = c & (0x3fu >> more);
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

        if (c < 0xc2 || c > 0xf4)
                return fault(s, "UTF-8");
        for (int i = 1; i <= more; i++) {
                if (s->at + (size_t)i >= s->n || (s->p[s->at + (size_t)i] & 0xc0) != 0x80)
                        return fault(s, "UTF-8");
                v = v << 6 | (s->p[s->at + (size_t)i] & 0x3f);
        }
        if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
                return fault(s, "UTF-8");
        s->at += (size_t)more + 1;
        return 0;
}

static int string(struct scan *s)
{
        if (peek(s) != '"')
                return fault(s, "a string");
        for (s->at++; peek(s) != '"';) {
                int c = peek(s);

                if (c < 0)
                        return fault(s, "the end of the string");
                if (c < 0x20)
                        return fault(s,
                                     "no control characters in a string (write them as \\u00XX)");
                if (c == '\\' ? escape(s) < 0 : c >= 0x80 ? utf8(s) < 0 : (s->at++, false))
                        return -1;
        }
        s->at++;
        return 0;
}

static int digits(struct scan *s)
{
        size_t from = s->at;

        while (peek(s) >= '0' && peek(s) <= '9')
                s->at++;
        return s->at > from ? 0 : fault(s, "a digit");
}

static int number(struct scan *s)
{
        if (peek(s) == '-')
                s->at++;
        if (peek(s) == '0')
                s->at++;
        else if (digits(s) < 0)
                return -1;
        if (peek(s) == '.') {
                s->at++;
                if (digits(s) < 0)
                        return -1;
        }
        if (peek(s) == 'e' || peek(s) == 'E') {
                s->at++;
                if (peek(s) == '+' || peek(s) == '-')
                        s->at++;
                return digits(s);
        }
        return 0;
}

static int word(struct scan *s, const char *w)
{
        size_t n = strlen(w);

        if (s->n - s->at < n || strncmp((const char *)s->p + s->at, w, n))
                return fault(s, "a JSON value");
        s->at += n;
        return 0;
}

/* Does the pointer's first token name this member or element? Then what follows it, else NULL.
 * Names with escapes never match: this is only for messages about files that people write. */
static const char *step(const char *want, const uint8_t *name, size_t n)
{
        size_t i = 0;

        if (!want || *want != '/')
                return NULL;
        for (want++; *want && *want != '/'; want++, i++) {
                char c = *want;

                if (c == '~' && want[1])
                        c = *++want == '1' ? '/' : '~';
                if (i >= n || name[i] != (uint8_t)c)
                        return NULL;
        }
        return i == n ? want : NULL;
}

static int object(struct scan *s, const char *want)
{
        for (s->at++, blanks(s); peek(s) != '}';) {
                size_t from = s->at;
                const char *rest;

                if (string(s) < 0)
                        return -1;
                rest = step(want, s->p + from + 1, s->at - from - 2);
                blanks(s);
                if (peek(s) != ':')
                        return fault(s, "\":\"");
                s->at++;
                s->out->members++;
                if (value(s, rest) < 0)
                        return -1;
                if (peek(s) == ',') {
                        s->at++;
                        blanks(s);
                        if (peek(s) != '"')
                                return fault(s, "a member after the comma");
                } else if (peek(s) != '}') {
                        return fault(s, "\",\" or \"}\"");
                }
        }
        s->at++;
        return 0;
}

static int array(struct scan *s, const char *want)
{
        size_t i = 0;

        for (s->at++, blanks(s); peek(s) != ']'; i++) {
                char name[24];
                int n = snprintf(name, sizeof(name), "%zu", i);

                if (value(s, step(want, (const uint8_t *)name, (size_t)n)) < 0)
                        return -1;
                if (peek(s) == ',') {
                        s->at++;
                        blanks(s);
                        if (peek(s) == ']')
                                return fault(s, "an element after the comma");
                } else if (peek(s) != ']') {
                        return fault(s, "\",\" or \"]\"");
                }
        }
        s->at++;
        return 0;
}

/* want: the rest of the pointer when this value is on its way, "" when this is it, NULL when it is
 * not. Leaves blanks behind skipped. */
static int value(struct scan *s, const char *want)
{
        bool here = want && !*want && s->out->found == SIZE_MAX;
        int c, r;

        blanks(s);
        if (here)
                s->out->found = s->at;
        if (++s->values > SV_JSON_MEMBERS_MAX)
                return fault(s, "fewer values (limit reached)");
        if (++s->depth > SV_JSON_DEPTH_MAX)
                return fault(s, "less nesting (limit reached)");
        c = peek(s);
        r = c == '{'                             ? object(s, want)
            : c == '['                           ? array(s, want)
            : c == '"'                           ? string(s)
            : c == '-' || (c >= '0' && c <= '9') ? number(s)
            : c == 't'                           ? word(s, "true")
            : c == 'f'                           ? word(s, "false")
            : c == 'n'                           ? word(s, "null")
                                                 : fault(s, "a JSON value");
        s->depth--;
        if (here)
                s->out->found_end = s->at;
        blanks(s);
        return r;
}

int sv_jsonscan(struct sv_bytes text, const char *pointer, struct sv_jsonscan *out)
{
        struct scan s = {.p = text.p, .n = text.n, .out = out};

        *out = (struct sv_jsonscan){.found = SIZE_MAX};
        if (text.n > SV_JSON_SIZE_MAX)
                return fault(&s, "a smaller text (limit reached)");
        if (value(&s, pointer) < 0)
                return -1;
        return s.at == s.n ? 0 : fault(&s, "nothing after the value");
}

void sv_text_position(struct sv_bytes text, size_t at, unsigned *line, unsigned *column)
{
        *line = 1;
        *column = 1;
        for (size_t i = 0; i < at && i < text.n; i++) {
                (*column)++;
                if (text.p[i] == '\n') {
                        (*line)++;
                        *column = 1;
                }
        }
}
