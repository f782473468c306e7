/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a report that is accepted has the size, a version and the algorithm that are known, only
 *         policy bits that exist with bit 17 set, and zeros in every byte that its version
 *         reserves: nothing passes unread.
 * for:    every report of 1184 bytes, and the sizes 1183 and 1185
 * stubs:  texts of errors
 * unwind: 369
 * options: --arrays-uf-never
 * fault:  `skip_reserved(p, 368);` => `sv_rd_skip(rd, 368);`
 * fault:  `r->policy & ~SV_SNP_POLICY_KNOWN` => `0`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "sev/verify/report.c"
#include "sev/verify/tcb.c"

static const struct {
        size_t from, to;
        uint32_t until; /* reserved in versions below this one */
} gaps[] = {
        {0x04c, 0x050, 99}, {0x188, 0x18b, 3},  {0x18b, 0x1a0, 99}, {0x1eb, 0x1ec, 99},
        {0x1ef, 0x1f0, 99}, {0x1f8, 0x208, 5},  {0x208, 0x2a0, 99}, {0x2d0, 0x2e8, 99},
        {0x318, 0x330, 99}, {0x330, 0x4a0, 99},
};

void prove(void)
{
        static uint8_t raw[SV_REPORT_SIZE];
        struct sv_report out;

        __CPROVER_havoc_object(raw);
        PROVE(sv_report_parse(sv_bytes(raw, 1183), &out, NULL) < 0);
        PROVE(sv_report_parse(sv_bytes(raw, 1185), &out, NULL) < 0);
        if (sv_report_parse(sv_bytes(raw, SV_REPORT_SIZE), &out, NULL) < 0)
                return;
        PROVE(out.version >= 2 && out.version <= 5 && out.signature_algo == 1);
        PROVE(out.policy >> 17 & 1 && !(out.policy >> 26));
        PROVE(out.product != SV_SEV_UNKNOWN);
        for (size_t k = 0; k < sizeof(gaps) / sizeof(gaps[0]); k++) {
                uint8_t any = 0;

                for (size_t i = gaps[k].from; i < gaps[k].to; i++)
                        any |= raw[i];
                PROVE(!any || out.version >= gaps[k].until);
        }
}
