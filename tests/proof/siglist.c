/* SPDX-License-Identifier: Apache-2.0 */
/* proves: each signature of a list that is given lies within the lists, has an owner and data, is
 *         of its list's size, and begins where the one before ends or behind a list's header; there
 *         are no more than the bytes hold.
 * for:    every lists of 62 bytes, their first two signatures
 * stubs:  texts of errors
 * unwind: 6
 * loops:  sv_siglist_next.0:4
 * fault:  `l->size <= OWNER` => `!l->size`
 * fault:  `(size - LIST_HEADER - header) % l->size` => `0`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "ovmf/siglist.c"

void prove(void)
{
        struct sv_bytes raw = any_exactly(62), before = SV_BYTES_NULL;
        struct sv_siglist l = sv_siglist(raw);

        for (int k = 0; k < 2; k++) {
                struct sv_signature s = {0};
                int more = sv_siglist_next(&l, &s, NULL);

                PROVE(more <= 1 && (more >= 0 || failed_check));
                if (more <= 0)
                        return;
                PROVE(s.entry.n > 16 && lies_within(s.entry, raw));
                PROVE(s.data.p == s.entry.p + 16 && s.data.n == s.entry.n - 16);
                PROVE(lies_within(sv_bytes(s.type, 16), raw));
                PROVE(s.first || s.entry.p == before.p + before.n);
                PROVE(!before.p || s.entry.p >= before.p + before.n);
                before = s.entry;
        }
}
