/* SPDX-License-Identifier: Apache-2.0 */
/* What was once written to a terminal, to be read again on another: without what steered that one.
 * Control sequences (ECMA-48 section 5.4: colours, the cursor, the screen) go whole, a carriage
 * return becomes the line's end, as the one with a line feed is. Everything else stays as it is,
 * and whoever prints it makes it visible (base/core/visible.h). Pure. */
#pragma once

#include "base/core/buf.h"

struct sv_replay { /* zeroed at the beginning */
        enum { SV_REPLAY_TEXT, SV_REPLAY_ESCAPE, SV_REPLAY_SEQUENCE } state;
        unsigned n;     /* bytes of the sequence so far */
        bool at_return; /* a carriage return came last */
};

/* The next piece, wherever it was cut. */
void sv_replay_put(struct sv_replay *r, struct sv_bytes piece, struct sv_buf *out);
