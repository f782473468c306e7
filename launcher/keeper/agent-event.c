/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/agent-event.h"

#include <string.h>

#include "base/core/rd.h"
#include "base/core/visible.h"

#define CHECK   "launch.reader"
#define UNKNOWN UINT64_MAX

static const struct row {
        const char *event;
        const char *texts[SV_AGENT_TEXTS];
        int need; /* this text must be there; -1: none */
} rows[] = {
        [SV_AGENT_STEP] = {"step", {"step", "state", "says"}, 0},
        [SV_AGENT_RETRY] = {"retry", {"step", "check", "message"}, -1},
        [SV_AGENT_FAILED] = {"failed", {"class", "check", "message"}, 1},
        [SV_AGENT_UNLOCKED] = {"unlocked", {"grounds", "instance"}, -1},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static bool has_needed_text(const struct sv_agent_event *e)
{
        int need = rows[e->kind].need;

        return need < 0 || *e->texts[need];
}

/* --- from the agent's line --- */

static void copy_text(const struct sv_json *from, const char *member, char out[])
{
        const char *s = sv_json_str(sv_json_get(from, member));
        size_t n = s ? strnlen(s, SV_EVENT_TEXT_MAX) : 0;

        if (!s)
                return;
        /* A cut may fall within a character of several bytes. */
        while (n && s[n] && (s[n - 1] & 0x80))
                n--;
        memcpy(out, s, n);
        out[n] = 0;
        sv_make_visible(out, n, false);
}

/* How long each part of the release took: plain names, milliseconds. */
static bool is_timing(const char *name, size_t n, int64_t ms)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

        return n && n <= SV_TIMING_NAME_MAX && strspn(name, plain) == n && ms >= 0;
}

static int copy_timing(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        struct sv_agent_event *e = arg;
        int64_t ms = sv_json_type(value) == SV_JSON_INT ? sv_json_int(value, -1) : -1;

        if (!is_timing(name, strlen(name), ms) || e->n_timings == SV_TIMINGS_MAX)
                return 0;
        memcpy(e->timings[e->n_timings].name, name, strlen(name) + 1);
        e->timings[e->n_timings++].ms = ms;
        return 0;
}

static int copy_members(const struct sv_json *j, struct sv_agent_event *e, struct sv_err *err)
{
        const struct sv_json *ms = sv_json_get(j, "ms"), *timings = sv_json_get(j, "timings");

        for (size_t i = 0; i < SV_AGENT_TEXTS && rows[e->kind].texts[i]; i++)
                copy_text(j, rows[e->kind].texts[i], e->texts[i]);
        if (sv_json_type(ms) == SV_JSON_INT && sv_json_int(ms, -1) >= 0)
                e->ms = sv_json_int(ms, -1);
        return sv_json_type(timings) == SV_JSON_OBJECT ? sv_json_each(timings, copy_timing, e, err)
                                                       : 0;
}

int sv_agent_event_parse(struct sv_bytes line, struct sv_agent_event *out, struct sv_err *err)
{
        SV_JSON *j = NULL;
        const char *name;

        if (line.n > SV_LINE_MAX)
                return sv_fail(err, SV_FORMAT, "control.agent",
                               "a line of at most %d bytes was expected", SV_LINE_MAX);
        if (sv_json_parse(line, "control.agent", &j, err) < 0 ||
            sv_json_need_str(j, "event", &name, "control.agent", err) < 0)
                return -1;
        for (size_t i = SV_AGENT_STEP; i < N_ROWS; i++) {
                struct sv_agent_event e = {.kind = (enum sv_agent_kind)i, .ms = -1};

                if (strcmp(rows[i].event, name))
                        continue;
                if (copy_members(j, &e, err) < 0)
                        return -1;
                if (!has_needed_text(&e))
                        break;
                *out = e;
                return 0;
        }
        return sv_fail(err, SV_FORMAT, "control.agent",
                       "an event of the agent's was expected, found \"%.32s\"", name);
}

/* --- the fixed form --- */

void sv_agent_event_put(const struct sv_agent_event *e, struct sv_buf *out)
{
        sv_buf_u8(out, (uint8_t)e->kind);
        for (size_t i = 0; i < SV_AGENT_TEXTS && rows[e->kind].texts[i]; i++) {
                sv_buf_u16le(out, (uint16_t)strlen(e->texts[i]));
                sv_buf_puts(out, e->texts[i]);
        }
        sv_buf_u64le(out, e->ms < 0 ? UNKNOWN : (uint64_t)e->ms);
        sv_buf_u8(out, (uint8_t)e->n_timings);
        for (unsigned i = 0; i < e->n_timings; i++) {
                sv_buf_u8(out, (uint8_t)strlen(e->timings[i].name));
                sv_buf_puts(out, e->timings[i].name);
                sv_buf_u64le(out, (uint64_t)e->timings[i].ms);
        }
}

/* A text as sv_make_visible leaves it. */
static bool read_visible_text(struct sv_rd *r, char out[])
{
        char visible[SV_EVENT_TEXT_MAX];
        size_t n = sv_rd_u16le(r);

        if (n > SV_EVENT_TEXT_MAX)
                return false;
        sv_rd_copy(r, out, n);
        out[n] = 0;
        memcpy(visible, out, n);
        sv_make_visible(visible, n, false);
        return strlen(out) == n && sv_bytes_eq(sv_bytes(visible, n), sv_bytes(out, n));
}

static bool read_timings(struct sv_rd *r, struct sv_agent_event *e)
{
        unsigned n = sv_rd_u8(r);

        if (n > SV_TIMINGS_MAX)
                return false;
        for (e->n_timings = 0; e->n_timings < n; e->n_timings++) {
                size_t size = sv_rd_u8(r);
                char *name = e->timings[e->n_timings].name;

                if (size > SV_TIMING_NAME_MAX)
                        return false;
                sv_rd_copy(r, name, size);
                name[size] = 0;
                e->timings[e->n_timings].ms = (int64_t)sv_rd_u64le(r);
                if (!is_timing(name, size, e->timings[e->n_timings].ms))
                        return false;
        }
        return true;
}

static bool read_rest_of_event(struct sv_rd *r, struct sv_agent_event *e)
{
        uint64_t ms;

        for (size_t i = 0; i < SV_AGENT_TEXTS && rows[e->kind].texts[i]; i++)
                if (!read_visible_text(r, e->texts[i]))
                        return false;
        ms = sv_rd_u64le(r);
        if (ms > INT64_MAX && ms != UNKNOWN)
                return false;
        e->ms = ms == UNKNOWN ? -1 : (int64_t)ms;
        return read_timings(r, e) && has_needed_text(e);
}

int sv_agent_event_read(struct sv_bytes form, struct sv_agent_event *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(form);
        uint8_t kind = sv_rd_u8(&r);
        struct sv_agent_event e = {.kind = (enum sv_agent_kind)kind};

        if (kind < SV_AGENT_STEP || kind >= N_ROWS || !read_rest_of_event(&r, &e))
                return sv_fail(err, SV_FORMAT, CHECK,
                               "the process that reads for the guest sends no event of an "
                               "agent's: expected one of kind 1 to %d, found %zu bytes of kind %u",
                               (int)N_ROWS - 1, form.n, kind);
        if (sv_rd_done(&r, CHECK, "an event", err) < 0)
                return -1;
        *out = e;
        return 0;
}

/* --- for others --- */

struct sv_json *sv_agent_event_json(const struct sv_agent_event *e)
{
        struct sv_json *j = sv_json_object(), *timings;

        sv_json_set_str(j, "event", rows[e->kind].event);
        for (size_t i = 0; i < SV_AGENT_TEXTS && rows[e->kind].texts[i]; i++)
                if (*e->texts[i])
                        sv_json_set_str(j, rows[e->kind].texts[i], e->texts[i]);
        if (e->ms >= 0)
                sv_json_set_int(j, "ms", e->ms);
        if (!e->n_timings)
                return j;
        timings = sv_json_set(j, "timings", sv_json_object());
        for (unsigned i = 0; i < e->n_timings; i++)
                sv_json_set_int(timings, e->timings[i].name, e->timings[i].ms);
        return j;
}
