/* SPDX-License-Identifier: Apache-2.0 */
/* proves: an ID block that is read and written again is the same bytes, its fields at the offsets
 *         of AMD 56860, table 75; other sizes and versions, and policies that cannot be, are
 *         refused.
 * for:    every block of 96 bytes; of 0, 95 and 97
 * stubs:  texts of errors
 * unwind: 97
 * fault:  `b.guest_svn = sv_rd_u32le(&rd);` => `b.guest_svn = sv_rd_u32be(&rd);`
 * fault:  `b.version != 1` => `b.version > 1`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "sev/measure/idblock.c"

static void one(size_t n)
{
        struct sv_bytes raw = any_exactly(n);
        struct sv_id_block b = {.version = 77};
        uint8_t again[SV_ID_BLOCK_SIZE];

        if (sv_id_block_parse(raw, &b, NULL) < 0) {
                PROVE(b.version == 77 && failed_check);
                return;
        }
        PROVE(raw.n == SV_ID_BLOCK_SIZE && b.version == 1);
        PROVE(b.policy >> 17 & 1 && !(b.policy >> 26));
        sv_id_block_write(&b, again);
        PROVE(!memcmp(again, raw.p, SV_ID_BLOCK_SIZE));
        PROVE(!memcmp(b.launch_digest, raw.p, 48) && raw.p[80] == 1);
        PROVE(b.policy == (b.policy & ~0xffull) + raw.p[88]);
}

void prove(void)
{
        switch (nondet_u8()) {
        case 0:
                one(0);
                break;
        case 1:
                one(95);
                break;
        case 2:
                one(97);
                break;
        default:
                one(96);
        }
}
