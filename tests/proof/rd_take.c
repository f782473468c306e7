/* SPDX-License-Identifier: Apache-2.0 */
/* proves: whatever is asked of a reader, in whatever order, it reads nothing outside of its bytes,
 *         what it gives lies within them, and after a read past the end all further ones are
 *         refused.
 * for:    every input of up to 8 bytes, every four steps with every size (64 bits)
 * stubs:  texts of errors
 * unwind: 9
 * fault:  `n > r->n - r->pos` => `r->pos + n > r->n`
 * fault:  `pos > r->n` => `pos > r->n + 1`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"

static void step(struct sv_rd *r, struct sv_bytes whole)
{
        size_t n = nondet_size(), before = r->pos;
        bool was_bad = r->bad;
        struct sv_bytes got = SV_BYTES_NULL;
        const uint8_t *at = NULL;
        struct sv_rd sub;

        switch (nondet_u8()) {
        case 0:
                at = sv_rd_take(r, n);
                got = sv_bytes(at, at ? n : 0);
                break;
        case 1:
                got = sv_rd_bytes(r, n);
                break;
        case 2:
                sub = sv_rd_sub(r, n);
                PROVE(sub.bad == r->bad);
                got = sv_rd_rest(&sub);
                PROVE(sub.bad || got.n == n);
                break;
        case 3:
                got = sv_rd_rest(r);
                PROVE(was_bad || r->pos == r->n);
                break;
        case 4:
                sv_rd_skip(r, n);
                break;
        case 5:
                sv_rd_seek(r, n);
                PROVE(r->bad || r->pos == n);
                before = 0;
                break;
        default:
                PROVE(sv_rd_left(r) <= whole.n);
        }
        PROVE(r->pos <= r->n && r->n == whole.n && r->pos >= before);
        PROVE(!was_bad || (r->bad && !got.p && !got.n));
        if (got.n) {
                PROVE(lies_within(got, whole));
                (void)got.p[any_below(got.n)];
        }
}

void prove(void)
{
        struct sv_bytes whole = any_bytes(8);
        struct sv_rd r = sv_rd(whole);

        for (int i = 0; i < 4; i++)
                step(&r, whole);
}
