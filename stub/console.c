/* SPDX-License-Identifier: Apache-2.0 */
/* Text for the firmware's console, and the errors of base/core/err.h without a C library. */
#include <stdarg.h>
#include <stdbool.h>

#include "stub/machine.h"

struct line {
        char *text;
        size_t n, max; /* max: with the terminator */
};

static void put_char(struct line *l, char c)
{
        if (l->n + 1 < l->max)
                l->text[l->n++] = c;
        l->text[l->n] = 0;
}

static void put_number(struct line *l, uint64_t v, unsigned base)
{
        char digits[24];
        size_t n = 0;

        do {
                digits[n++] = "0123456789abcdef"[v % base];
                v /= base;
        } while (v);
        while (n)
                put_char(l, digits[--n]);
}

static void put_text(struct line *l, const char *s, int max)
{
        for (int i = 0; s[i] && (max < 0 || i < max); i++)
                put_char(l, s[i] >= ' ' && s[i] <= '~' ? s[i] : '?');
}

/* One conversion behind its '%'; returns what follows. */
static const char *put_value(struct line *l, const char *p, va_list *ap)
{
        int max = -1;
        bool wide = false;

        if (p[0] == '.' && p[1] == '*') {
                max = va_arg(*ap, int);
                p += 2;
        }
        for (; *p == 'l' || *p == 'z'; p++)
                wide = true;
        switch (*p) {
        case 's':
                put_text(l, va_arg(*ap, const char *), max);
                break;
        case 'u':
        case 'd': /* never negative */
        case 'x':
                put_number(l, wide ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned),
                           *p == 'x' ? 16 : 10);
                break;
        default:
                put_char(l, '?');
        }
        return p + 1;
}

static void format_line(struct line *l, const char *fmt, va_list *ap)
{
        l->text[0] = 0;
        while (*fmt)
                if (*fmt != '%')
                        put_char(l, *fmt++);
                else
                        fmt = put_value(l, fmt + 1, ap);
}

void print_line(const char *fmt, ...)
{
        char text[256];
        uint16_t wide[sizeof(text) + 2];
        struct line l = {text, 0, sizeof(text)};
        va_list ap;
        size_t n = 0;

        va_start(ap, fmt);
        format_line(&l, fmt, &ap);
        va_end(ap);
        for (; text[n]; n++)
                wide[n] = (uint8_t)text[n];
        wide[n++] = '\r';
        wide[n++] = '\n';
        wide[n] = 0;
        if (stub.system->out)
                stub.system->out->output(stub.system->out, wide);
}

int sv_fail(struct sv_err *err, enum sv_class class, const char *check, const char *fmt, ...)
{
        struct line name = {err->check, 0, sizeof(err->check)};
        struct line l = {err->msg, 0, sizeof(err->msg)};
        va_list ap;

        err->class = class;
        name.text[0] = 0;
        put_text(&name, check, -1);
        va_start(ap, fmt);
        format_line(&l, fmt, &ap);
        va_end(ap);
        return -1;
}
