/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/control.h"

#include <string.h>

static const struct {
        enum sv_control what;
        const char *name;
} verbs[] = {
        {SV_CONTROL_STATUS, "status"},   {SV_CONTROL_STOP, "stop"},
        {SV_CONTROL_DESTROY, "destroy"}, {SV_CONTROL_REBOOT, "reboot"},
        {SV_CONTROL_RESET, "reset"},     {SV_CONTROL_EVENTS, "events"},
        {SV_CONTROL_PAUSE, "pause"},     {SV_CONTROL_RESUME, "resume"},
        {SV_CONTROL_LIVE, "live"},       {SV_CONTROL_RESIZE, "resize"},
        {SV_CONTROL_COPY, "copy"},       {SV_CONTROL_CANCEL, "cancel"},
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

int sv_control_parse(struct sv_bytes line, enum sv_control *out, struct sv_err *err)
{
        static const char *const members[] = {"do", "resize", "task", NULL};
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
        return sv_fail(err, SV_FORMAT, "control.request",
                       "status, stop, destroy, reboot, reset, events, pause, resume, live, resize, "
                       "copy or cancel was expected, found \"%.32s\"",
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
