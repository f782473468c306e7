/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a TPM2B_PUBLIC that is accepted is written again as the same bytes: what was read is all
 *         that it says, so that its name is the name of what is looked at; a refusal writes
 *         nothing.
 * for:    every structure of 27 bytes, RSA and ECC
 * stubs:  texts of errors; the buffer (stub_buf.h)
 * unwind: 28
 * loops:  read_be.0:5
 * fault:  `p->kdf.hash = sv_rd_u16be(r);` => `sv_rd_u16be(r);`
 * fault:  `!r.bad && size != sv_rd_left(&r)` => `0`
 */
#include "proof.h"
#include "stub_err.h"
#define BUF_ROOM 32
#include "stub_buf.h"

#include "base/core/rd.c"
#include "vtpm/verify/structs.c"

void prove(void)
{
        struct sv_bytes raw = any_exactly(27);
        struct sv_tpm_public p = {.type = 77};
        struct sv_buf again = SV_BUF_NULL;
        size_t i;

        if (sv_tpm_read_public2b(raw, &p, NULL) < 0) {
                PROVE(p.type == 77 && failed_check);
                return;
        }
        sv_tpm_put_public2b(&again, &p);
        PROVE(!again.bad && again.n == raw.n);
        i = any_below(raw.n);
        PROVE(again.p[i] == raw.p[i]);
}
