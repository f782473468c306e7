/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a TPMT_SIGNATURE that is accepted is of a scheme that signs quotes, its one or two
 *         numbers follow each other and end it, and a refusal writes nothing.
 * for:    every structure of up to 24 bytes
 * stubs:  texts of errors
 * unwind: 9
 * fault:  `s.alg != SV_TPM_ALG_ECDSA)` => `s.alg < SV_TPM_ALG_ECDSA)`
 * fault:  `sv_rd_done(&r, "vtpm.signature.size", "TPMT_SIGNATURE", err) < 0` => `0`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "vtpm/verify/structs.c"

void prove(void)
{
        struct sv_bytes raw = any_bytes(24), last;
        struct sv_tpm_signature s = {.hash = 77};

        if (sv_tpm_read_signature(raw, &s, NULL) < 0) {
                PROVE(s.hash == 77 && failed_check);
                return;
        }
        PROVE(s.alg == (raw.p[0] << 8 | raw.p[1]) && s.hash == (raw.p[2] << 8 | raw.p[3]));
        PROVE(s.alg == 0x14 || s.alg == 0x16 || s.alg == 0x18);
        PROVE(s.r.p == raw.p + 6 && s.r.n == (raw.p[4] << 8 | raw.p[5]));
        last = s.alg == 0x18 ? s.s : s.r;
        PROVE(lies_within(last, raw) && last.p + last.n == raw.p + raw.n);
        PROVE(s.alg == 0x18 ? s.s.p == s.r.p + s.r.n + 2 : !s.s.p);
}
