/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/verify/replay.h"

#include "base/core/encoding.h"
#include "ovmf/eventlog.h"

/* PCRs that only the firmware's log and the kernel's EFI stub extend, all of it before the log is
 * handed over: 0 to 7, and 9. */
#define MUST_REPLAY 0x2ffu

static int replay_bank(const struct sv_tcg_log *log, const struct sv_vtpm_bank *bank,
                       uint32_t *agree, uint32_t *differ, struct sv_err *err)
{
        uint8_t pcrs[SV_TCG_PCRS][SV_DIGEST_MAX];
        size_t size = sv_digest_size(bank->bank);
        uint32_t seen;

        if (sv_tcg_log_replay(log, bank->bank, pcrs, &seen, err) < 0)
                return -1;
        for (unsigned i = 0; i < SV_TPM_PCRS; i++) {
                uint32_t bit = 1u << i;

                if (!(seen & bit))
                        continue;
                if (sv_bytes_eq(sv_bytes(pcrs[i], size), sv_bytes(bank->pcrs[i], size))) {
                        *agree |= bit;
                        continue;
                }
                *differ |= bit;
                if (MUST_REPLAY & bit) {
                        char log_hex[2 * SV_DIGEST_MAX + 1], quote_hex[2 * SV_DIGEST_MAX + 1];

                        return sv_fail(err, SV_PROOF, "vtpm.eventlog.replay",
                                       "the event log leads to %s in PCR %u of the %s bank, the "
                                       "TPM quotes %s",
                                       sv_hex(sv_bytes(pcrs[i], size), log_hex), i,
                                       sv_digest_name(bank->bank),
                                       sv_hex(sv_bytes(bank->pcrs[i], size), quote_hex));
                }
        }
        return 0;
}

int sv_vtpm_replay(const struct sv_vtpm_evidence *e, const struct sv_bytes *logs, size_t n_logs,
                   uint32_t *replayed, size_t *events, struct sv_err *err)
{
        uint32_t agree = 0, differ = 0;
        size_t n = 0;

        for (size_t l = 0; l < n_logs; l++) {
                SV_TCG_LOG log = {0};

                if (sv_tcg_log_parse(logs[l], &sv_registers_pcr, &log, err) < 0)
                        return sv_wrap(err, "event log %zu", l);
                n += log.n;
                for (size_t i = 0; i < SV_VTPM_BANKS; i++)
                        if (e->banks[i].present &&
                            replay_bank(&log, &e->banks[i], &agree, &differ, err) < 0)
                                return -1;
        }
        *replayed = agree & ~differ;
        *events = n;
        return 0;
}
