/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an agent that nobody trusts, and of whoever can reach the control socket: an event of
 * ours, a request, or a named error; no text that is passed on holds a control character. */
#include <stdlib.h>
#include <string.h>

#include "launcher/keeper/agent-event.h"
#include "launcher/keeper/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check_text(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        const char *s = sv_json_str(value);

        if (sv_json_type(value) == SV_JSON_STRING && !s)
                abort();
        for (; s && *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7f)
                        abort();
        return 0;
}

/* What is an event stays the same one on its way through the fixed form. */
static void check_event(const struct sv_agent_event *e)
{
        SV_BUF form = SV_BUF_NULL;
        struct sv_agent_event back;
        SV_JSON *j = sv_agent_event_json(e);
        SV_JSON *again = NULL;
        struct sv_err err;

        sv_agent_event_put(e, &form);
        if (form.n > SV_AGENT_EVENT_MAX ||
            sv_agent_event_read(sv_buf_bytes(&form), &back, &err) < 0)
                abort();
        again = sv_agent_event_json(&back);
        if (!sv_json_equal(j, again))
                abort();
        sv_json_each(j, check_text, NULL, &err);
}

static void one_line(struct sv_bytes line)
{
        struct sv_err err = SV_ERR_NULL;
        enum sv_control what = 0;
        struct sv_agent_event event;

        if (sv_agent_event_parse(line, &event, &err) == 0)
                check_event(&event);
        else if (strncmp(err.check, "control.agent", 13))
                abort();
        if (sv_control_parse(line, &what, &err) == 0 ? !what
                                                     : strncmp(err.check, "control.request", 15))
                abort();
}

/* And as what the reader sends. */
static void one_form(struct sv_bytes form)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_agent_event event;

        if (sv_agent_event_read(form, &event, &err) == 0)
                check_event(&event);
        else if (strcmp(err.check, "launch.reader"))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_lines lines = {0};
        SV_BUF line = SV_BUF_NULL;
        size_t half = size / 2;

        sv_lines_put(&lines, sv_bytes(data, half));
        while (sv_lines_next(&lines, &line))
                one_line(sv_buf_bytes(&line));
        sv_lines_put(&lines, sv_bytes(data + half, size - half));
        while (sv_lines_next(&lines, &line))
                one_line(sv_buf_bytes(&line));
        sv_lines_free(&lines);
        one_line(sv_bytes(data, size));
        one_form(sv_bytes(data, size));
        return 0;
}
