/* SPDX-License-Identifier: Apache-2.0 */
/* The messages on a guest's control socket: one JSON object a line. Pure. */
#pragma once

#include "base/core/limits.h"
#include "base/json/json.h"

enum sv_control {
        SV_CONTROL_STATUS = 1,
        SV_CONTROL_STOP,
        SV_CONTROL_DESTROY,
        SV_CONTROL_REBOOT,
        SV_CONTROL_RESET,
        SV_CONTROL_EVENTS,
        SV_CONTROL_PAUSE,
        SV_CONTROL_RESUME,
        SV_CONTROL_LIVE,   /* status, and what only libvirt knows: "limits" */
        SV_CONTROL_RESIZE, /* with "resize" (launcher/keeper/resize.h) */
        SV_CONTROL_COPY,   /* with "task" (launcher/keeper/copy-task.h) */
        SV_CONTROL_CANCEL  /* that */
};

/* {"do":"status"} … control.request when it is anything else. */
int sv_control_parse(struct sv_bytes line, enum sv_control *out, struct sv_err *err);
/* {"do":…} with a newline. */
void sv_control_print(enum sv_control what, struct sv_buf *out);
const char *sv_control_name(enum sv_control what);

/* Collects bytes and hands out whole lines. */
struct sv_lines {
        struct sv_buf buf;
        bool skip; /* the rest of a line that was too long */
};
/* Returns the next whole line without its newline in *line (valid until the next call), false when
 * there is none. */
void sv_lines_put(struct sv_lines *l, struct sv_bytes bytes);
bool sv_lines_next(struct sv_lines *l, struct sv_buf *line);
void sv_lines_free(struct sv_lines *l);
