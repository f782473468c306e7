/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a quote's header that is accepted has 48 bytes, version 4 or 5, key type 2 (ECDSA P-256),
 *         TEE type 0x81 and Intel's vendor identifier, at the offsets of appendix A.3.1.
 * for:    every header of up to 50 bytes
 * stubs:  texts of errors
 * unwind: 21
 * fault:  `tee != TEE_TDX ||` => ``
 * fault:  `sv_rd_skip(r, 4);` => `sv_rd_skip(r, 5);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "tdx/verify/quote.c"

void prove(void)
{
        static const uint8_t intel[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                          0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
        struct sv_bytes raw = any_bytes(50);
        struct sv_rd r = sv_rd(raw);
        struct sv_quote q = {0};

        if (read_quote_header(&r, &q, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(raw.n >= 48 && r.pos == 48);
        PROVE(q.version == raw.p[0] && (q.version == 4 || q.version == 5) && !raw.p[1]);
        PROVE(raw.p[2] == 2 && !raw.p[3]);
        PROVE(raw.p[4] == 0x81 && !raw.p[5] && !raw.p[6] && !raw.p[7]);
        PROVE(!memcmp(raw.p + 12, intel, 16));
        PROVE(!memcmp(q.user_data, raw.p + 28, 20));
}
