/* SPDX-License-Identifier: Apache-2.0 */
/* Does the event log explain the quoted PCRs? Pure. */
#pragma once

#include "vtpm/verify/evidence.h"

/* `logs`: the evidence's own, and those that come with it. Every one must parse. For each quoted
 * bank the PCRs 0 to 7 and 9 that have events must replay to the quoted value: SV_PROOF
 * "vtpm.eventlog.replay" names the first that does not. Others (8, 10 and above) may be extended
 * after the firmware's log ended, by boot loader, IMA, systemd or the agent; they count as replayed
 * when they agree. *replayed gets bit i for PCR i that agrees in all banks, *events the number of
 * events. */
int sv_vtpm_replay(const struct sv_vtpm_evidence *e, const struct sv_bytes *logs, size_t n_logs,
                   uint32_t *replayed, size_t *events, struct sv_err *err);
