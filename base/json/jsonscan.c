/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/jsonscan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/core/limits.h"
#include "base/core/visible.h"

/* A member's name as it is written, and which object of the text has it. */
struct member_name {
        size_t object;
        struct sv_bytes text;
};

struct scan {
        const uint8_t *p;
        size_t n, at;
        unsigned depth;
        size_t values; /* and null */
        struct sv_jsonscan *out;
        struct member_name *names; /* room for max_names */
        size_t n_names, max_names, objects;
};

static int scan_value(struct scan *s, const char *want);

static int fail_scan(struct scan *s, const char *expected)
{
        if (!s->out->problem) {
                s->out->problem = expected;
                s->out->error_at = s->at;
        }
        return -1;
}

static int peek_char(const struct scan *s)
{
        return s->at < s->n ? s->p[s->at] : -1;
}

static void skip_blanks(struct scan *s)
{
        int c;

        while ((c = peek_char(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
                s->at++;
}

/* How many bytes UTF-8 has for it. The two halves of a pair count 1 and 3, so that they are 4
 * together, and no more than the replacement character has when one of them stands alone. */
static size_t count_utf8(unsigned code)
{
        bool first_half = code >= 0xd800 && code < 0xdc00;

        return code < 0x80 || first_half ? 1 : code < 0x800 ? 2 : 3;
}

static int scan_escape(struct scan *s)
{
        int c = (s->at++, peek_char(s));
        unsigned code = 0;

        if (c < 0 || !strchr("\"\\/bfnrtu", c) || !c)
                return fail_scan(s, "one of \" \\ / b f n r t u after a backslash");
        s->at++;
        for (int i = 0; c == 'u' && i < 4; i++, s->at++) {
                int digit = sv_hex_value(peek_char(s));

                if (digit < 0)
                        return fail_scan(s, "four hex digits after \\u");
                code = code << 4 | (unsigned)digit;
        }
        s->out->text_bytes += count_utf8(code);
        return 0;
}

static int scan_utf8(struct scan *s)
{
        size_t n = sv_utf8_length(sv_bytes(s->p + s->at, s->n - s->at));

        if (!n)
                return fail_scan(s, "UTF-8");
        s->at += n;
        s->out->text_bytes += n;
        return 0;
}

static int scan_string(struct scan *s)
{
        if (peek_char(s) != '"')
                return fail_scan(s, "a string");
        for (s->at++; peek_char(s) != '"';) {
                int c = peek_char(s);

                if (c < 0)
                        return fail_scan(s, "the end of the string");
                if (c < 0x20)
                        return fail_scan(
                                s, "no control characters in a string (write them as \\u00XX)");
                if (c == '\\') {
                        if (scan_escape(s) < 0)
                                return -1;
                } else if (c >= 0x80) {
                        if (scan_utf8(s) < 0)
                                return -1;
                } else {
                        s->at++;
                        s->out->text_bytes++;
                }
        }
        s->at++;
        return 0;
}

static int scan_digits(struct scan *s)
{
        size_t from = s->at;

        while (peek_char(s) >= '0' && peek_char(s) <= '9')
                s->at++;
        return s->at > from ? 0 : fail_scan(s, "a digit");
}

static int scan_number(struct scan *s)
{
        if (peek_char(s) == '-')
                s->at++;
        if (peek_char(s) == '0')
                s->at++;
        else if (scan_digits(s) < 0)
                return -1;
        if (peek_char(s) == '.') {
                s->at++;
                if (scan_digits(s) < 0)
                        return -1;
        }
        if (peek_char(s) == 'e' || peek_char(s) == 'E') {
                s->at++;
                if (peek_char(s) == '+' || peek_char(s) == '-')
                        s->at++;
                return scan_digits(s);
        }
        return 0;
}

static int scan_word(struct scan *s, const char *w)
{
        size_t n = strlen(w);

        if (s->n - s->at < n || strncmp((const char *)s->p + s->at, w, n))
                return fail_scan(s, "a JSON value");
        s->at += n;
        return 0;
}

/* Does the pointer's first token name this member or element? Then what follows it, else NULL.
 * Names with escapes never match: this is only for messages about files that are written by hand.
 */
static const char *match_pointer_token(const char *want, const uint8_t *name, size_t n)
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

static void keep_member_name(struct scan *s, size_t object, struct sv_bytes text)
{
        if (s->n_names < s->max_names)
                s->names[s->n_names++] = (struct member_name){object, text};
}

/* \u0000: a name would end there for a reader in C, and be another one. */
static bool name_has_zero(struct sv_bytes name)
{
        for (size_t i = 0; i + 6 <= name.n; i += name.p[i] == '\\' ? 2 : 1)
                if (!strncmp((const char *)name.p + i, "\\u0000", 6))
                        return true;
        return false;
}

static int scan_object(struct scan *s, const char *want)
{
        size_t object = s->objects++;

        for (s->at++, skip_blanks(s); peek_char(s) != '}';) {
                size_t from = s->at;
                struct sv_bytes name;
                const char *rest;

                if (scan_string(s) < 0)
                        return -1;
                name = sv_bytes(s->p + from + 1, s->at - from - 2);
                if (name_has_zero(name)) {
                        s->at = from;
                        return fail_scan(s, "no zero byte in a member's name");
                }
                keep_member_name(s, object, name);
                rest = match_pointer_token(want, name.p, name.n);
                skip_blanks(s);
                if (peek_char(s) != ':')
                        return fail_scan(s, "\":\"");
                s->at++;
                s->out->members++;
                if (scan_value(s, rest) < 0)
                        return -1;
                if (peek_char(s) == ',') {
                        s->at++;
                        skip_blanks(s);
                        if (peek_char(s) != '"')
                                return fail_scan(s, "a member after the comma");
                } else if (peek_char(s) != '}') {
                        return fail_scan(s, "\",\" or \"}\"");
                }
        }
        s->at++;
        return 0;
}

static int scan_array(struct scan *s, const char *want)
{
        size_t i = 0;

        for (s->at++, skip_blanks(s); peek_char(s) != ']'; i++) {
                char name[24];
                int n = snprintf(name, sizeof(name), "%zu", i);

                if (scan_value(s, match_pointer_token(want, (const uint8_t *)name, (size_t)n)) < 0)
                        return -1;
                if (peek_char(s) == ',') {
                        s->at++;
                        skip_blanks(s);
                        if (peek_char(s) == ']')
                                return fail_scan(s, "an element after the comma");
                } else if (peek_char(s) != ']') {
                        return fail_scan(s, "\",\" or \"]\"");
                }
        }
        s->at++;
        return 0;
}

/* want: the rest of the pointer when this value is on its way, "" when this is it, NULL when it is
 * not. Leaves blanks behind skipped. */
static int scan_value(struct scan *s, const char *want)
{
        bool here = want && !*want && s->out->found == SIZE_MAX;
        int c, r;

        skip_blanks(s);
        if (here)
                s->out->found = s->at;
        if (++s->values > SV_JSON_MEMBERS_MAX)
                return fail_scan(s, "fewer values (limit reached)");
        if (++s->depth > SV_JSON_DEPTH_MAX)
                return fail_scan(s, "less nesting (limit reached)");
        c = peek_char(s);
        s->out->values += c != 'n';
        r = c == '{'                             ? scan_object(s, want)
            : c == '['                           ? scan_array(s, want)
            : c == '"'                           ? scan_string(s)
            : c == '-' || (c >= '0' && c <= '9') ? scan_number(s)
            : c == 't'                           ? scan_word(s, "true")
            : c == 'f'                           ? scan_word(s, "false")
            : c == 'n'                           ? scan_word(s, "null")
                                                 : fail_scan(s, "a JSON value");
        s->depth--;
        if (here)
                s->out->found_end = s->at;
        skip_blanks(s);
        return r;
}

int sv_jsonscan(struct sv_bytes text, const char *pointer, struct sv_jsonscan *out)
{
        struct scan s = {.p = text.p, .n = text.n, .out = out};

        *out = (struct sv_jsonscan){.found = SIZE_MAX};
        if (text.n > SV_JSON_SIZE_MAX)
                return fail_scan(&s, "a smaller text (limit reached)");
        if (scan_value(&s, pointer) < 0)
                return -1;
        return s.at == s.n ? 0 : fail_scan(&s, "nothing after the value");
}

/* 0: the same name in the same object. */
static int compare_names(const struct member_name *a, const struct member_name *b)
{
        if (a->object != b->object)
                return a->object < b->object ? -1 : 1;
        if (a->text.n != b->text.n)
                return a->text.n < b->text.n ? -1 : 1;
        return strncmp((const char *)a->text.p, (const char *)b->text.p, a->text.n);
}

/* What is the same stays in the order of the text. */
static int order_names(const void *a, const void *b)
{
        const struct member_name *x = a, *y = b;
        int order = compare_names(x, y);

        return order ? order : x->text.p < y->text.p ? -1 : 1;
}

struct sv_bytes sv_jsonscan_twice(struct sv_bytes text, size_t members)
{
        struct sv_jsonscan out = {.found = SIZE_MAX};
        struct scan s = {.p = text.p, .n = text.n, .out = &out};
        struct sv_bytes first = SV_BYTES_NULL;

        s.names = calloc(members + 1, sizeof(*s.names));
        if (!s.names)
                return first;
        s.max_names = members;
        scan_value(&s, NULL);
        qsort(s.names, s.n_names, sizeof(*s.names), order_names);
        for (size_t i = 1; i < s.n_names; i++)
                if (compare_names(&s.names[i - 1], &s.names[i]) == 0 &&
                    (!first.p || s.names[i].text.p < first.p))
                        first = s.names[i].text;
        free(s.names);
        return first;
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
