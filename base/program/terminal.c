/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/core/buf.h"
#include "base/core/visible.h"

static ssize_t write_visible(void *cookie, const char *text, size_t n)
{
        SV_BUF clean = SV_BUF_NULL;

        sv_buf_put(&clean, sv_bytes(text, n));
        sv_make_visible((char *)clean.p, clean.n, true);
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
