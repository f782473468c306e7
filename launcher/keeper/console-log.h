/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest prints on its serial line, in its folder: console.log, to which QEMU appends, and
 * what was there before in console.log.1. A guest may print without end: both together have at most
 * the size that its guest file gives, and what it prints between two looks. */
#pragma once

#include "launcher/keeper/state.h"

struct sv_console_log {
        char *path, *older;
        uint64_t limit; /* bytes of both */
        int watch;      /* readable when QEMU wrote; -1: not begun */
};

/* Empty, for a start of the guest. SV_SYSTEM "launch.console". To be freed in any case. */
int sv_console_log_begin(struct sv_console_log *l, const struct sv_state *s, uint64_t limit,
                         struct sv_err *err);
void sv_console_log_free(struct sv_console_log *l);
/* After `watch` is readable: keeps to the limit. */
void sv_console_log_look(struct sv_console_log *l);
/* Both, the older first, in pieces; also of a guest that ended. */
int sv_console_log_print(const struct sv_state *s,
                         int (*put)(void *arg, struct sv_bytes piece, struct sv_err *err),
                         void *arg, struct sv_err *err);
