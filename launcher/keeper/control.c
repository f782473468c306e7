/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/control.h"

#include <string.h>

#include "base/core/visible.h"

static const struct {
        enum sv_control what;
        const char *name;
} verbs[] = {
        {SV_CONTROL_STATUS, "status"}, {SV_CONTROL_STOP, "stop"},   {SV_CONTROL_DESTROY, "destroy"},
        {SV_CONTROL_REBOOT, "reboot"}, {SV_CONTROL_RESET, "reset"}, {SV_CONTROL_EVENTS, "events"},
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

int sv_control_parse(struct sv_bytes line, enum sv_control *out, struct sv_err *err)
{
        static const char *const members[] = {"do", NULL};
        SV_JSON *j = NULL;
        const char *word;

        if (sv_json_parse(line, "control.request", &j, err) < 0)
                return -1;
        if (sv_json_need_str(j, "do", &word, "control.request", err) < 0)
                return -1;
        if (sv_json_only(j, members, "control.request", err) < 0)
                return -1;
        for (size_t i = 0; i < N_VERBS; i++)
                if (!strcmp(verbs[i].name, word)) {
                        *out = verbs[i].what;
                        return 0;
                }
        return sv_fail(
                err, SV_FORMAT, "control.request",
                "status, stop, destroy, reboot, reset or events was expected, found \"%.32s\"",
                word);
}

const char *sv_control_name(enum sv_control what)
{
        for (size_t i = 0; i < N_VERBS; i++)
                if (verbs[i].what == what)
                        return verbs[i].name;
        return "?";
}

void sv_control_print(enum sv_control what, struct sv_buf *out)
{
        sv_buf_printf(out, "{\"do\":\"%s\"}\n", sv_control_name(what));
}

/* --- the agent --- */

static void copy_agent_text(struct sv_json *to, const struct sv_json *from, const char *member,
                            size_t max)
{
        const char *s = sv_json_str(sv_json_get(from, member));
        SV_BUF clean = SV_BUF_NULL;

        if (!s)
                return;
        sv_buf_put(&clean, sv_bytes(s, strnlen(s, max)));
        /* A cut may fall within a character of several bytes. */
        while (clean.n && strlen(s) > max && (clean.p[clean.n - 1] & 0x80))
                clean.n--;
        sv_make_visible((char *)clean.p, clean.n, false);
        sv_json_set_str(to, member, sv_buf_str(&clean));
}

/* How long each part of the release took: plain names, milliseconds. */

static int copy_timing(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
        struct sv_json *to = arg;

        if (sv_json_type(value) == SV_JSON_INT && sv_json_int(value, -1) >= 0 && *name &&
            strlen(name) <= SV_TIMING_NAME_MAX && !name[strspn(name, plain)] &&
            sv_json_len(to) < SV_TIMINGS_MAX)
                sv_json_set_int(to, name, sv_json_int(value, 0));
        return 0;
}

static int copy_timings(struct sv_json *to, const struct sv_json *from, struct sv_err *err)
{
        struct sv_json *t = sv_json_get(from, "timings");
        SV_JSON *kept = NULL;

        if (sv_json_type(t) != SV_JSON_OBJECT)
                return 0;
        kept = sv_json_object();
        if (sv_json_each(t, copy_timing, kept, err) < 0)
                return -1;
        if (sv_json_len(kept))
                sv_json_set(to, "timings", sv_json_ref(kept));
        return 0;
}

static const struct {
        const char *event;
        const char *texts[5];
        const char *need; /* must be there */
} agent_events[] = {
        {"step", {"step", "state"}, "step"},
        {"retry", {"step", "check", "message"}, NULL},
        {"failed", {"class", "check", "message"}, "check"},
        {"unlocked", {"grounds"}, NULL},
};

int sv_control_parse_agent_event(struct sv_bytes line, struct sv_json **event, struct sv_err *err)
{
        SV_JSON *j = NULL;
        const char *name;

        if (line.n > SV_LINE_MAX)
                return sv_fail(err, SV_FORMAT, "control.agent",
                               "a line of at most %d bytes was expected", SV_LINE_MAX);
        if (sv_json_parse(line, "control.agent", &j, err) < 0 ||
            sv_json_need_str(j, "event", &name, "control.agent", err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(agent_events) / sizeof(agent_events[0]); i++) {
                SV_JSON *out = NULL;

                if (strcmp(agent_events[i].event, name))
                        continue;
                out = sv_json_object();
                sv_json_set_str(out, "event", name);
                for (const char *const *t = agent_events[i].texts; *t; t++)
                        copy_agent_text(out, j, *t, SV_EVENT_TEXT_MAX);
                if (sv_json_type(sv_json_get(j, "ms")) == SV_JSON_INT)
                        sv_json_set_int(out, "ms", sv_json_int(sv_json_get(j, "ms"), 0));
                if (copy_timings(out, j, err) < 0)
                        return -1;
                if (agent_events[i].need && !sv_json_str(sv_json_get(out, agent_events[i].need)))
                        break;
                *event = sv_json_ref(out);
                return 0;
        }
        return sv_fail(err, SV_FORMAT, "control.agent",
                       "an event of the agent's was expected, found \"%.32s\"", name);
}

/* --- lines --- */

void sv_lines_put(struct sv_lines *l, struct sv_bytes bytes)
{
        for (size_t i = 0; i < bytes.n; i++) {
                bool end = bytes.p[i] == '\n';

                if (l->skip || (!end && l->buf.n > 16 * SV_LINE_MAX)) {
                        l->skip = !end; /* a flood: drop all of the line */
                        sv_buf_clear(&l->buf);
                        continue;
                }
                sv_buf_u8(&l->buf, bytes.p[i]);
        }
}

bool sv_lines_next(struct sv_lines *l, struct sv_buf *line)
{
        const uint8_t *end = l->buf.n ? memchr(l->buf.p, '\n', l->buf.n) : NULL;
        size_t n, used;

        sv_buf_clear(line);
        if (!end)
                return false;
        n = (size_t)(end - l->buf.p);
        used = n + 1;
        while (n && l->buf.p[n - 1] == '\r')
                n--;
        sv_buf_put(line, sv_bytes(l->buf.p, n));
        memmove(l->buf.p, l->buf.p + used, l->buf.n - used);
        l->buf.n -= used;
        return true;
}

void sv_lines_free(struct sv_lines *l)
{
        sv_buf_free(&l->buf);
}
