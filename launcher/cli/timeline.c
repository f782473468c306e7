/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/timeline.h"

#include <string.h>

/* A step that has ended, the supervisor's or the agent's. */
static bool is_done_step(const struct sv_json *e)
{
        return !strcmp(sv_json_text(e, "event", ""), "launch") ||
               (!strcmp(sv_json_text(e, "event", ""), "step") &&
                !strcmp(sv_json_text(e, "state", ""), "done"));
}

static int64_t get_end(const struct sv_json *e)
{
        int64_t at = sv_json_int(sv_json_get(e, "at_ms"), 0);

        return at > 0 ? at : 0;
}

static int64_t get_length(const struct sv_json *e)
{
        int64_t ms = sv_json_int(sv_json_get(e, "ms"), 0), end = get_end(e);

        return ms < 0 ? 0 : ms > end ? end : ms;
}

static struct sv_timeline_bar measure_boot(const struct sv_json *steps)
{
        struct sv_timeline_bar whole = {.begin = INT64_MAX};

        for (size_t i = 0; i < sv_json_len(steps); i++) {
                const struct sv_json *e = sv_json_at(steps, i);
                int64_t end = get_end(e), begin = end - get_length(e);

                if (!is_done_step(e))
                        continue;
                whole.begin = begin < whole.begin ? begin : whole.begin;
                whole.end = end > whole.end ? end : whole.end;
        }
        return whole;
}

/* From the first instruction to the first word of the agent: nobody in the guest can say more. */
static bool find_firmware_step(const struct sv_json *steps, size_t i,
                               const struct sv_timeline_bar *boot, struct sv_timeline_bar *out)
{
        *out = (struct sv_timeline_bar){"firmware, kernel", true,
                                        .begin = get_end(sv_json_at(steps, i))};
        for (i++; i < sv_json_len(steps); i++) {
                const struct sv_json *e = sv_json_at(steps, i);

                if (strcmp(sv_json_text(e, "event", ""), "step"))
                        continue;
                out->end = get_end(e) - (is_done_step(e) ? get_length(e) : 0);
                return out->end > out->begin && out->end <= boot->end;
        }
        return false;
}

void sv_timeline_each(const struct sv_json *steps,
                      void (*put)(void *arg, const struct sv_timeline_bar *bar,
                                  const struct sv_timeline_bar *boot),
                      void *arg)
{
        struct sv_timeline_bar boot = measure_boot(steps), bar;

        for (size_t i = 0; i < sv_json_len(steps); i++) {
                const struct sv_json *e = sv_json_at(steps, i);
                const char *event = sv_json_text(e, "event", "");

                if (is_done_step(e))
                        bar = (struct sv_timeline_bar){sv_json_text(e, "step", ""),
                                                       !strcmp(event, "step"),
                                                       get_end(e) - get_length(e), get_end(e)};
                else if (strcmp(event, "running") || !find_firmware_step(steps, i, &boot, &bar))
                        continue;
                if (bar.begin < boot.begin)
                        bar.begin = boot.begin;
                put(arg, &bar, &boot);
        }
}

/* --- as text --- */

struct text {
        size_t width;
        struct sv_buf *out;
};

static size_t find_column(const struct sv_timeline_bar *boot, int64_t at, size_t width)
{
        double part = boot->end > boot->begin
                              ? (double)(at - boot->begin) / (double)(boot->end - boot->begin)
                              : 0;

        return (size_t)(part * (double)(width - 1));
}

static void put_bar(void *arg, const struct sv_timeline_bar *bar,
                    const struct sv_timeline_bar *boot)
{
        const struct text *t = arg;
        size_t from = find_column(boot, bar->begin, t->width),
               to = find_column(boot, bar->end, t->width);

        sv_buf_printf(t->out, "%-20.20s %8.2f s  %*s", bar->name,
                      (double)(bar->end - bar->begin) / 1000, (int)from, "");
        for (size_t i = from; i <= to; i++)
                sv_buf_u8(t->out, '#');
        sv_buf_u8(t->out, '\n');
}

void sv_timeline_put(const struct sv_json *steps, size_t width, struct sv_buf *out)
{
        struct text t = {width, out};

        sv_timeline_each(steps, put_bar, &t);
}
