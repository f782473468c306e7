/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/terminal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/visible.h"
#include "base/program/colour.h"

char *sv_copy_visible(const char *text)
{
        char *copy = sv_asprintf("%s", text ? text : "");

        sv_make_visible(copy, strlen(copy), false);
        return copy;
}

static void put_visible(struct sv_buf *out, const char *text, size_t n)
{
        size_t at = out->n;

        sv_buf_put(out, sv_bytes(text, n));
        if (out->n > at)
                sv_make_visible((char *)out->p + at, out->n - at, true);
}

/* All that steers is made visible, but the marks of colours. */
static void put_coloured(struct sv_buf *out, const char *text, size_t n)
{
        size_t from = 0, used = 0;

        for (size_t i = 0; i < n; i += used) {
                const char *sequence = sv_colour_of_mark(text + i, n - i, &used);

                if (!sequence) {
                        used = 1;
                        continue;
                }
                put_visible(out, text + from, i - from);
                sv_buf_puts(out, sequence);
                from = i + used;
        }
        put_visible(out, text + from, n - from);
}

static ssize_t write_visible(void *cookie, const char *text, size_t n)
{
        SV_BUF clean = SV_BUF_NULL;

        put_coloured(&clean, text, n);
        for (size_t done = 0; done < clean.n;) {
                ssize_t w = write(1, clean.p + done, clean.n - done);

                if (w < 0 && errno != EINTR)
                        return done ? (ssize_t)done : -1;
                done += w > 0 ? (size_t)w : 0;
        }
        return (ssize_t)n;
}

void sv_terminal_guard_stdout(void)
{
        FILE *guarded =
                isatty(1) ? fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_visible})
                          : NULL;

        if (!guarded)
                return;
        /* A character is cut, and its halves replaced, only in a line longer than this. */
        setvbuf(guarded, NULL, _IOLBF, 65536);
        stdout = guarded;
}

size_t sv_terminal_width(int fd)
{
        struct winsize size;

        if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) < 0 || !size.ws_col)
                return 0;
        return size.ws_col < 40 ? 40 : size.ws_col;
}

static size_t count_columns(const char *text, size_t n)
{
        size_t columns = 0;

        for (size_t i = 0; i < n; i++)
                columns += (text[i] & 0xc0) != 0x80;
        return columns;
}

size_t sv_text_columns(const char *text)
{
        return count_columns(text, strlen(text));
}

size_t sv_text_prefix(const char *text, size_t columns)
{
        size_t n = 0;

        for (size_t seen = 0; text[n]; n++) {
                seen += (text[n] & 0xc0) != 0x80;
                if (seen > columns)
                        break;
        }
        return n;
}

void sv_wrap_text(struct sv_buf *out, const char *text, size_t at, size_t indent, size_t width)
{
        bool first = true; /* of its line */

        for (const char *p = text; *p;) {
                size_t blanks = strspn(p, " "), n = strcspn(p + blanks, " \n");
                size_t columns = count_columns(p + blanks, n);

                if (width && !first && at + blanks + columns >= width) {
                        sv_buf_printf(out, "\n%*s", (int)indent, "");
                        at = indent;
                        blanks = 0;
                        p += strspn(p, " ");
                }
                sv_buf_put(out, sv_bytes(p, blanks + n));
                at += blanks + columns;
                p += blanks + n;
                first = false;
                if (*p == '\n') {
                        sv_buf_u8(out, (uint8_t)*p++);
                        first = true;
                        at = 0;
                }
        }
}
