/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/replay.h"

#define ESCAPE       0x1b
#define SEQUENCE_MAX 64 /* bytes; a longer one is none, and what follows it is text */

static void put_replayed(struct sv_replay *r, uint8_t c, struct sv_buf *out)
{
        bool was_return = r->at_return;

        r->at_return = c == '\r';
        if (c == '\r')
                return;
        if (was_return && c != '\n')
                sv_buf_u8(out, '\n');
        sv_buf_u8(out, c);
}

/* Parameters and intermediates 0x20 to 0x3f, then one final byte 0x40 to 0x7e. */
static void skip_sequence(struct sv_replay *r, uint8_t c, struct sv_buf *out)
{
        if (c >= 0x20 && c <= 0x3f && ++r->n < SEQUENCE_MAX)
                return;
        r->state = SV_REPLAY_TEXT;
        if (c < 0x40 || c > 0x7e)
                put_replayed(r, c, out);
}

void sv_replay_put(struct sv_replay *r, struct sv_bytes piece, struct sv_buf *out)
{
        for (size_t i = 0; i < piece.n; i++) {
                uint8_t c = piece.p[i];

                switch (r->state) {
                case SV_REPLAY_TEXT:
                        if (c == ESCAPE)
                                r->state = SV_REPLAY_ESCAPE;
                        else
                                put_replayed(r, c, out);
                        break;
                case SV_REPLAY_ESCAPE:
                        r->state = c == '[' ? SV_REPLAY_SEQUENCE : SV_REPLAY_TEXT;
                        r->n = 0;
                        if (c != '[') {
                                put_replayed(r, ESCAPE, out);
                                put_replayed(r, c, out);
                        }
                        break;
                case SV_REPLAY_SEQUENCE:
                        skip_sequence(r, c, out);
                        break;
                }
        }
}
