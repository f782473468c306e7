/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/xml.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void put_escaped(struct sv_buf *out, const char *s)
{
        for (; *s; s++) {
                unsigned char c = (unsigned char)*s;

                if (c == '<')
                        sv_buf_puts(out, "&lt;");
                else if (c == '>')
                        sv_buf_puts(out, "&gt;");
                else if (c == '&')
                        sv_buf_puts(out, "&amp;");
                else if (c == '"')
                        sv_buf_puts(out, "&quot;");
                else if (c == '\'')
                        sv_buf_puts(out, "&apos;");
                else if (c < 0x20 && c != '\t')
                        out->bad = true; /* XML 1.0 section 2.2 has no way to say it; readers of
                                            guest files refuse it before */
                else
                        sv_buf_u8(out, c);
        }
}

void sv_xml_printf(struct sv_buf *out, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        for (; *fmt; fmt++) {
                if (*fmt != '%') {
                        sv_buf_u8(out, (uint8_t)*fmt);
                } else if (fmt[1] == 's') {
                        put_escaped(out, va_arg(ap, const char *));
                        fmt++;
                } else if (fmt[1] == 'u') {
                        sv_buf_printf(out, "%u", va_arg(ap, unsigned));
                        fmt++;
                } else if (!strncmp(fmt, "%llu", 4)) {
                        sv_buf_printf(out, "%llu", va_arg(ap, unsigned long long));
                        fmt += 3;
                } else if (fmt[1] == '%') {
                        sv_buf_u8(out, '%');
                        fmt++;
                } else {
                        /* a format this function does not know is a mistake in the program */
                        abort();
                }
        }
        va_end(ap);
}

/* Bytes of the entity at `s`, whose character is appended; 0 when it is none that is known. */
static size_t read_entity(const char *s, struct sv_buf *out)
{
        static const struct {
                const char *name;
                uint8_t c;
        } known[] = {{"&lt;", '<'},    {"&gt;", '>'},  {"&amp;", '&'},  {"&quot;", '"'},
                     {"&apos;", '\''}, {"&#9;", '\t'}, {"&#10;", '\n'}, {"&#13;", '\r'}};

        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (!strncmp(s, known[i].name, strlen(known[i].name))) {
                        sv_buf_u8(out, known[i].c);
                        return strlen(known[i].name);
                }
        return 0;
}

static int fail_element(struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, "virt.element",
                       "an XML element with text in it was expected of libvirt");
}

int sv_xml_read_text(const char *element, struct sv_buf *out, struct sv_err *err)
{
        const char *at = strchr(element, '>'), *end = strrchr(element, '<');

        if (element[0] != '<' || !at || at == element + 1 || !end || end <= at || end[1] != '/')
                return fail_element(err);
        for (at++; at < end;) {
                size_t n = 1;

                if (*at == '<' || (*at == '&' && !(n = read_entity(at, out))))
                        return fail_element(err);
                if (*at != '&')
                        sv_buf_u8(out, (uint8_t)*at);
                at += n;
        }
        return sv_buf_ok(out, "an XML element", err);
}
