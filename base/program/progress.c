/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/progress.h"

#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/text.h"
#include "base/program/colour.h"
#include "base/program/log.h"

#define SILENT_MS   2000
#define TERMINAL_MS 200
#define LINE_MS     10000

void sv_progress_format(struct sv_buf *out, const char *what, uint64_t done, uint64_t total,
                        int64_t ms)
{
        double rate = ms > 0 ? (double)done / (double)ms : 0; /* bytes in a millisecond */
        char have[32], all[32];

        sv_buf_printf(out, "%s: %s of %s, %.0f MiB/s", what, sv_format_size(done, have),
                      sv_format_size(total, all), rate * 1000 / (1 << 20));
        if (rate > 0 && done <= total)
                sv_buf_printf(out, ", %.0f s left", (double)(total - done) / rate / 1000);
}

static void show_progress(struct sv_progress *p, uint64_t done, uint64_t total)
{
        struct sv_progress_line *l = (struct sv_progress_line *)p;
        int64_t now = sv_clock_ms();
        bool terminal = sv_is_steered(STDERR_FILENO);
        SV_BUF text = SV_BUF_NULL;

        /* Another part of the work begins, as the hash tree behind the contents. */
        if (done < l->last)
                l->begun = l->said = now;
        l->last = done;
        if (now - l->begun < SILENT_MS || now - l->said < (terminal ? TERMINAL_MS : LINE_MS))
                return;
        l->said = now;
        sv_progress_format(&text, l->what, done, total, now - l->begun);
        if (terminal)
                sv_live("%s", sv_buf_str(&text));
        else
                sv_info("%s", sv_buf_str(&text));
}

void sv_progress_begin(struct sv_progress_line *l, const char *what)
{
        *l = (struct sv_progress_line){.progress = {.seen = show_progress}, .what = what};
        l->begun = l->said = sv_clock_ms();
}

void sv_progress_end(struct sv_progress_line *l)
{
        sv_live_end();
}
