/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an agent that nobody trusts, and of whoever can reach the control socket: an event of
 * ours, a request, or a named error; no text that is passed on holds a control character. */
#include <stdlib.h>
#include <string.h>

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

static void one_line(struct sv_bytes line)
{
        struct sv_err err = SV_ERR_NULL;
        enum sv_control what = 0;
        struct sv_json *event = NULL;

        if (sv_control_parse_agent_event(line, &event, &err) == 0) {
                sv_json_each(event, check_text, NULL, &err);
                sv_json_free(event);
        } else if (strncmp(err.check, "control.agent", 13)) {
                abort();
        }
        if (sv_control_parse(line, &what, &err) == 0 ? !what
                                                     : strncmp(err.check, "control.request", 15))
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
        return 0;
}
