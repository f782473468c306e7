/* SPDX-License-Identifier: Apache-2.0 */
/* proves: an event that is accepted has one digest for each of the log's algorithms, of its size,
 *         and data, all within the log; it extends a register that there is, or none; and the
 *         reader stands behind it.
 * for:    every event of up to 64 bytes in a log of 1 or 2 algorithms of up to 8 bytes
 * stubs:  texts of errors
 * unwind: 5
 * fault:  `k == log->n_algs || e->digests[k].p` => `k == log->n_algs`
 * fault:  `e.reg - regs->first >= regs->n` => `e.reg - regs->first > regs->n`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "ovmf/eventlog.c"

void prove(void)
{
        struct sv_bytes raw = any_bytes(64);
        struct sv_rd r = sv_rd(raw);
        struct sv_tcg_log log = {.n_algs = 1 + nondet_bool()};
        const struct sv_registers *regs = nondet_bool() ? &sv_registers_pcr : &sv_registers_rtmr;
        struct sv_tcg_event e = {.type = 77};
        uint32_t last = regs == &sv_registers_pcr ? 23 : 4;

        for (size_t i = 0; i < 2; i++) {
                log.algs[i] = nondet_u16();
                log.sizes[i] = nondet_u16();
                ASSUME(log.sizes[i] && log.sizes[i] <= 8);
        }
        ASSUME(log.algs[0] != log.algs[1]);
        if (read_event(&r, regs, &log, &e, 1, NULL) < 0) {
                PROVE(e.type == 77 && failed_check);
                return;
        }
        for (size_t i = 0; i < log.n_algs; i++)
                PROVE(e.digests[i].n == log.sizes[i] && lies_within(e.digests[i], raw));
        PROVE(log.n_algs == 1 || e.digests[0].p != e.digests[1].p);
        PROVE(!e.data.n || lies_within(e.data, raw));
        PROVE(e.data.p + e.data.n == raw.p + r.pos && r.pos <= raw.n);
        PROVE(e.type == 3 || (e.reg >= regs->first && e.reg <= last));
}
