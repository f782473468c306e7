/* SPDX-License-Identifier: Apache-2.0 */
/* proves: certification data that are accepted nest without a gap: the quoting enclave's report,
 *         its signature, its authentication data and the PCK chain follow each other, lie within,
 *         and nothing is behind them.
 * for:    every certification data of 461 and 470 bytes: up to 8 bytes of chain and of
 *         authentication data
 * stubs:  texts of errors; the enclave's report is tdx_qe_report.c's
 * unwind: 31
 * loops:  certification.0:10
 * fault:  `sv_rd_done(&outer, "tdx.quote.signature"` => `sv_rd_ok(&outer, ""`
 * fault:  `sv_rd_bytes(&outer, 384)` => `sv_rd_bytes(&outer, 383)`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "tdx/verify/quote.c"

static void one(size_t n)
{
        struct sv_bytes raw = any_exactly(n);
        struct sv_rd r = sv_rd(raw);
        struct sv_quote q = {0};
        size_t chain;

        if (read_certification(&r, &q, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(raw.p[0] == 6 && !raw.p[1]);
        PROVE(r.pos <= raw.n && r.pos == 6 + (raw.p[2] | raw.p[3] << 8));
        PROVE(q.qe_report.p == raw.p + 6 && q.qe_report.n == 384);
        PROVE(q.qe_signature.p == raw.p + 390 && q.qe_signature.n == 64);
        PROVE(q.qe_auth.n == (raw.p[454] | raw.p[455] << 8) && lies_within(q.qe_auth, raw));
        chain = 456 + q.qe_auth.n;
        PROVE(raw.p[chain] == 5 && !raw.p[chain + 1]);
        PROVE(q.pck_chain.p == raw.p + chain + 6 && lies_within(q.pck_chain, raw));
        PROVE(r.pos - chain - 6 == (raw.p[chain + 2] | raw.p[chain + 3] << 8));
        PROVE(!q.pck_chain.n || q.pck_chain.p[q.pck_chain.n - 1]);
}

void prove(void)
{
        if (nondet_bool())
                one(461);
        else
                one(470);
}
