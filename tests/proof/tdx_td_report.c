/* SPDX-License-Identifier: Apache-2.0 */
/* proves: each field of a TD report is the bytes at the offset that Intel gives it (appendix A.3.2;
 *         of TD 1.5 and 1.5-ex what follows).
 * for:    every TD report of 885 bytes, of which a smaller one is the beginning
 * stubs:  nothing
 * unwind: 9
 * fault:  `sv_rd_copy(r, td->mrowner, 48);` => `sv_rd_copy(r, td->mrownerconfig, 48);`
 * fault:  `sv_rd_copy(r, td->rtmr[i], 48);` => `sv_rd_copy(r, td->rtmr[3 - i], 48);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "tdx/verify/quote.c"

static struct sv_quote q;

static void same(const uint8_t *field, size_t n, const uint8_t *raw)
{
        size_t i = any_below(n);

        PROVE(field[i] == raw[i]);
}

static void fields(const uint8_t *td)
{
        same(q.td.tee_tcb_svn, 16, td);
        same(q.td.mrseam, 48, td + 16);
        same(q.td.mrsignerseam, 48, td + 64);
        PROVE((uint8_t)q.td.seamattributes == td[112] && q.td.seamattributes >> 56 == td[119]);
        PROVE((uint8_t)q.td.tdattributes == td[120] && q.td.tdattributes >> 56 == td[127]);
        PROVE((uint8_t)q.td.xfam == td[128] && q.td.xfam >> 56 == td[135]);
        same(q.td.mrtd, 48, td + 136);
        same(q.td.mrconfigid, 48, td + 184);
        same(q.td.mrowner, 48, td + 232);
        same(q.td.mrownerconfig, 48, td + 280);
        for (int i = 0; i < 4; i++)
                same(q.td.rtmr[i], 48, td + 328 + 48 * i);
        same(q.td.reportdata, 64, td + 520);
}

void prove(void)
{
        struct sv_bytes raw = any_exactly(885);
        struct sv_rd r = sv_rd(raw);

        read_td_report(&r, SV_TD_15EX, &q.td);
        PROVE(!r.bad && r.pos == 885 && q.td.type == SV_TD_15EX);
        fields(raw.p);
        same(q.td.tee_tcb_svn2, 16, raw.p + 584);
        same(q.td.mrservicetd, 48, raw.p + 600);
        PROVE(q.td.ex.p == raw.p + 648 && q.td.ex.n == 237);
}
