/* SPDX-License-Identifier: Apache-2.0 */
/* proves: bytes are equal where they are, and only there: no digest passes for another.
 * for:    every two of up to 8 bytes
 * stubs:  nothing
 * unwind: 9
 * fault:  `a.n != b.n` => `a.n < b.n`
 * fault:  `diff |= a.p[i] ^ b.p[i]` => `diff ^= a.p[i] ^ b.p[i]`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"

void prove(void)
{
        struct sv_bytes a = any_bytes(8), b = any_bytes(8);
        bool equal = a.n == b.n;

        for (size_t i = 0; equal && i < a.n; i++)
                equal = a.p[i] == b.p[i];
        PROVE(sv_bytes_eq(a, b) == equal);
}
