/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/bytes.h"

bool sv_bytes_eq(struct sv_bytes a, struct sv_bytes b)
{
        uint8_t diff = 0;

        if (a.n != b.n)
                return false;
        for (size_t i = 0; i < a.n; i++)
                diff |= a.p[i] ^ b.p[i];
        __asm__ volatile("" : "+r"(diff)); /* the compiler must not stop the loop early */
        return !diff;
}

bool sv_bytes_are_zero(struct sv_bytes b)
{
        while (b.n && !b.p[b.n - 1])
                b.n--;
        return b.n == 0;
}

bool sv_bytes_number(struct sv_bytes text, uint64_t max, uint64_t *out)
{
        uint64_t v = 0;

        if (text.n < 1 || text.n > 18 || (text.p[0] == '0' && text.n > 1))
                return false;
        for (size_t i = 0; i < text.n; i++) {
                if (text.p[i] < '0' || text.p[i] > '9')
                        return false;
                v = v * 10 + (uint64_t)(text.p[i] - '0');
        }
        if (v > max)
                return false;
        *out = v;
        return true;
}

void sv_bytes_put_le(uint8_t *out, uint64_t v, size_t n)
{
        for (size_t i = 0; i < n; i++)
                out[i] = (uint8_t)(v >> (8 * i));
}
