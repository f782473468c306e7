/* SPDX-License-Identifier: Apache-2.0 */
/* proves: of a paravisor's blob that is accepted, report and runtime data lie where Azure's layout
 *         has them, it is for SNP with SHA-256, and nothing but zeros follows; a refusal writes
 *         nothing.
 * for:    every blob of 1235, 1236 and 1242 bytes: up to 6 of runtime data and zeros
 * stubs:  texts of errors
 * unwind: 25
 * options: --arrays-uf-never
 * fault:  `sv_rd_skip(&rd, HCL_HEADER - 4);` => `sv_rd_skip(&rd, HCL_HEADER);`
 * fault:  `if (rest.p[i])` => `if (rest.p[0])`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "sev/verify/hcl.c"

static void one(size_t n)
{
        struct sv_bytes raw = any_exactly(n);
        struct sv_hcl h = {0};
        const uint8_t *p = raw.p;
        size_t i;

        if (sv_hcl_parse(raw, &h, NULL) < 0) {
                PROVE(!h.report.p && failed_check);
                return;
        }
        PROVE(p[0] == 'H' && p[1] == 'C' && p[2] == 'L' && p[3] == 'A');
        PROVE(h.report.p == p + 32 && h.report.n == 1184);
        PROVE(p[1224] == 2 && p[1228] == 1);
        PROVE(h.runtime_data.n == p[1232] && !p[1233] && !p[1234] && !p[1235]);
        PROVE(h.runtime_data.p == p + 1236 && h.runtime_data.n <= n - 1236);
        if (1236 + h.runtime_data.n == n)
                return;
        i = 1236 + any_below(n - 1236);
        PROVE(i < 1236 + h.runtime_data.n || !p[i]);
}

void prove(void)
{
        switch (nondet_u8()) {
        case 0:
                one(1235);
                break;
        case 1:
                one(1236);
                break;
        default:
                one(1242);
        }
}
