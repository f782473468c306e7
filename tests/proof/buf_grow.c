/* SPDX-License-Identifier: Apache-2.0 */
/* proves: whatever is put into a buffer, and whether or not there is memory, it never holds more
 *         than its limit, keeps what it had, and after a failure stays bad and as it was.
 * for:    every two pieces of up to 70 bytes (its first room is 64), every limit up to 150
 * stubs:  texts of errors, wiping
 * unwind: 4
 * fault:  `n > get_buf_limit(b) - b->n` => `n > get_buf_limit(b)`
 * fault:  `b->n + n + 1))` => `b->n + n))`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/buf.c"

void sv_wipe(void *p, size_t n)
{
        PROVE(__CPROVER_w_ok(p, n));
}

/* For locked memory, which these buffers do not ask for. */
void *sv_pages_lock(size_t n, struct sv_err *err)
{
        PROVE(false);
        return NULL;
}

void sv_pages_free(void *p, size_t n)
{
        PROVE(false);
}

void prove(void)
{
        struct sv_buf b = {.max = nondet_size()};
        uint8_t first = nondet_u8();

        ASSUME(b.max && b.max <= 150);
        sv_buf_u8(&b, first);
        for (int i = 0; i < 2; i++) {
                size_t n = nondet_size(), before = b.n;
                bool was_bad = b.bad;
                uint8_t *at;

                ASSUME(n <= 70);
                at = sv_buf_grow(&b, n);
                PROVE(b.n <= b.max && !(was_bad && at));
                PROVE(at ? b.n == before + n : b.bad && b.n == before);
                PROVE(!at || (at == b.p + before && b.n < b.cap));
                if (at && n)
                        PROVE(at[any_below(n)] == 0);
                if (b.n)
                        PROVE(b.p[0] == first);
        }
        PROVE((sv_buf_ok(&b, "what", NULL) < 0) == b.bad);
        sv_buf_str(&b);
        PROVE(b.bad || b.p[b.n] == 0);
        sv_buf_free(&b);
        PROVE(!b.p && !b.n && !b.cap);
}
