/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/timeline.h"

#include <string.h>

struct span {
        int64_t begin, end; /* milliseconds since the supervisor began */
};

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

static struct span measure_boot(const struct sv_json *steps)
{
        struct span whole = {INT64_MAX, 0};

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

static size_t find_column(const struct span *whole, int64_t at, size_t width)
{
        double part = whole->end > whole->begin
                              ? (double)(at - whole->begin) / (double)(whole->end - whole->begin)
                              : 0;

        return (size_t)(part * (double)(width - 1));
}

static void put_bar(const char *name, struct span s, const struct span *whole, size_t width,
                    struct sv_buf *out)
{
        size_t from, to;

        if (s.begin < whole->begin)
                s.begin = whole->begin;
        from = find_column(whole, s.begin, width);
        to = find_column(whole, s.end, width);
        sv_buf_printf(out, "%-20.20s %8.2f s  %*s", name, (double)(s.end - s.begin) / 1000,
                      (int)from, "");
        for (size_t i = from; i <= to; i++)
                sv_buf_u8(out, '#');
        sv_buf_u8(out, '\n');
}

/* From the first instruction to the first word of the agent: nobody in the guest can say more. */
static void put_firmware(const struct sv_json *steps, size_t i, const struct span *whole,
                         size_t width, struct sv_buf *out)
{
        struct span s = {.begin = get_end(sv_json_at(steps, i))};

        for (i++; i < sv_json_len(steps); i++) {
                const struct sv_json *e = sv_json_at(steps, i);

                if (strcmp(sv_json_text(e, "event", ""), "step"))
                        continue;
                s.end = get_end(e) - (is_done_step(e) ? get_length(e) : 0);
                if (s.end > s.begin && s.end <= whole->end)
                        put_bar("firmware, kernel", s, whole, width, out);
                return;
        }
}

void sv_timeline_put(const struct sv_json *steps, size_t width, struct sv_buf *out)
{
        struct span whole = measure_boot(steps);

        for (size_t i = 0; i < sv_json_len(steps); i++) {
                const struct sv_json *e = sv_json_at(steps, i);
                struct span s = {get_end(e) - get_length(e), get_end(e)};

                if (is_done_step(e))
                        put_bar(sv_json_text(e, "step", ""), s, &whole, width, out);
                else if (!strcmp(sv_json_text(e, "event", ""), "running"))
                        put_firmware(steps, i, &whole, width, out);
        }
}
