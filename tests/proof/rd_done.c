/* SPDX-License-Identifier: Apache-2.0 */
/* proves: sv_rd_done says yes exactly when all bytes were read and none beyond; sv_rd_copy gives
 *         the bytes, or zeros where there are fewer, and writes nothing behind its room.
 * for:    every input of up to 8 bytes, every size up to 8 of two copies
 * stubs:  texts of errors
 * unwind: 9
 * fault:  `r->pos == r->n` => `r->pos <= r->n`
 * fault:  `memset(out, 0, n);` => `memset(out, 0, n + 1);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"

void prove(void)
{
        struct sv_bytes b = any_bytes(8);
        struct sv_rd r = sv_rd(b);
        struct sv_err err = SV_ERR_NULL;
        size_t n = nondet_size(), m = nondet_size();
        uint8_t *out, *more;

        ASSUME(n <= 8 && m <= 8);
        out = malloc(n);
        more = malloc(m);
        ASSUME(out && more);
        sv_rd_copy(&r, out, n);
        sv_rd_copy(&r, more, m);
        if (n) {
                size_t i = any_below(n);

                PROVE(out[i] == (n <= b.n ? b.p[i] : 0));
        }
        if (m) {
                size_t i = any_below(m);

                PROVE(more[i] == (n + m <= b.n ? b.p[n + i] : 0));
        }
        if (sv_rd_done(&r, "check", "what", &err) == 0) {
                PROVE(n + m == b.n && err.class == SV_OK);
        } else {
                PROVE(n + m != b.n && err.class == SV_FORMAT);
                PROVE((sv_rd_ok(&r, "check", "what", &err) < 0) == (n + m > b.n));
        }
}
