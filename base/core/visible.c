/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/visible.h"

#include <string.h>

size_t sv_utf8_length(struct sv_bytes b)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        uint8_t c = b.n ? b.p[0] : 0;
        size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        uint32_t v = c & (0x7fu >> n);

        if (c < 0x80)
                return b.n ? 1 : 0;
        if (c < 0xc2 || c > 0xf4 || b.n < n)
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((b.p[i] & 0xc0) != 0x80)
                        return 0;
                v = v << 6 | (b.p[i] & 0x3f);
        }
        return v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff) ? 0 : n;
}

static bool is_control(struct sv_bytes sequence, bool lines)
{
        uint8_t c = sequence.p[0];

        if (sequence.n == 1)
                return c == 0x7f || (c < 0x20 && c != '\t' && !(lines && c == '\n'));
        return sequence.n == 2 && c == 0xc2 && sequence.p[1] < 0xa0;
}

void sv_make_visible(char *text, size_t n, bool lines)
{
        for (size_t i = 0; i < n;) {
                size_t length = sv_utf8_length(sv_bytes(text + i, n - i));
                bool hide = !length || is_control(sv_bytes(text + i, length), lines);

                length = length ? length : 1;
                if (hide)
                        memset(text + i, '?', length);
                i += length;
        }
}
