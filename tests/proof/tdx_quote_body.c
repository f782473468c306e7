/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the body of a quote that is accepted is of a type that is known, has the size that this
 *         type has and no other, and all of it is read.
 * for:    every body of version 5 of 891 bytes, in which each type has room
 * stubs:  texts of errors; the copies of fields, which tdx_td_report.c looks at
 * unwind: 9
 * fault:  `bodies[i].type == type` => `true`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#define sv_rd_copy(r, out, n) sv_rd_skip(r, n)
#include "tdx/verify/quote.c"

static struct sv_quote q;

void prove(void)
{
        struct sv_bytes raw = any_exactly(891);
        struct sv_rd r = sv_rd(raw);

        q.version = 5;
        if (read_quote_body(&r, &q, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(q.td.type == (raw.p[0] | raw.p[1] << 8));
        PROVE(r.pos == 6u + (raw.p[2] | raw.p[3] << 8) && !raw.p[4] && !raw.p[5]);
        PROVE(r.pos == (q.td.type == SV_TD_10 ? 590 : q.td.type == SV_TD_15 ? 654 : 891));
        PROVE(q.td.type >= SV_TD_10 && q.td.type <= SV_TD_15EX);
}
