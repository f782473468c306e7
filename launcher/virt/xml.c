/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/xml.h"

#include <stdarg.h>
#include <stdlib.h>

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
