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
#define RATE_MS     2500 /* the rate is of the last one or two of these */
#define RATE_PART   50   /* what is less than this part of the whole tells nothing of the rest */

double sv_progress_rate(struct sv_progress_line *l, uint64_t done, uint64_t total, int64_t now)
{
        bool early = now - l->begun < SILENT_MS || done < total / RATE_PART;
        int64_t since;

        if (now - l->marks[1].at >= RATE_MS) {
                l->marks[0] = l->marks[1];
                l->marks[1].at = now;
                l->marks[1].done = done;
        }
        since = now - l->marks[0].at;
        return early || since <= 0 ? 0 : (double)(done - l->marks[0].done) / (double)since;
}

void sv_progress_format(struct sv_buf *out, const char *what, uint64_t done, uint64_t total,
                        double rate)
{
        char have[32], all[32];

        sv_buf_printf(out, "%s: %s of %s", what, sv_format_size(done, have),
                      sv_format_size(total, all));
        if (rate <= 0)
                return;
        sv_buf_printf(out, ", %.0f MiB/s", rate * 1000 / (1 << 20));
        if (done <= total)
                sv_buf_printf(out, ", %.0f s left", (double)(total - done) / rate / 1000);
}

static void begin_part(struct sv_progress_line *l, int64_t now)
{
        l->begun = l->said = l->marks[0].at = l->marks[1].at = now;
        l->marks[0].done = l->marks[1].done = 0;
}

static void show_progress(struct sv_progress *p, uint64_t done, uint64_t total)
{
        struct sv_progress_line *l = (struct sv_progress_line *)p;
        int64_t now = sv_clock_ms();
        bool terminal = sv_is_steered(STDERR_FILENO);
        double rate;
        SV_BUF text = SV_BUF_NULL;

        /* Another part of the work begins, as the hash tree behind the contents. */
        if (done < l->last)
                begin_part(l, now);
        l->last = done;
        rate = sv_progress_rate(l, done, total, now);
        if (now - l->begun < SILENT_MS || now - l->said < (terminal ? TERMINAL_MS : LINE_MS))
                return;
        l->said = now;
        sv_progress_format(&text, l->what, done, total, rate);
        if (terminal)
                sv_live("%s", sv_buf_str(&text));
        else
                sv_info("%s", sv_buf_str(&text));
}

void sv_progress_begin(struct sv_progress_line *l, const char *what)
{
        *l = (struct sv_progress_line){.progress = {.seen = show_progress}, .what = what};
        begin_part(l, sv_clock_ms());
}

void sv_progress_end(struct sv_progress_line *l)
{
        sv_live_end();
}
