/* SPDX-License-Identifier: Apache-2.0 */
/* The event log of a TD: what its firmware and its kernel's stub measured (UEFI specification 2.10,
 * section 38; ACPI table CCEL). Pure. */
#pragma once

#include "base/json/json.h"
#include "ovmf/explain.h"

#define SV_TDX_RTMRS 4

struct sv_tdx_ccel {
        uint8_t rtmr[SV_TDX_RTMRS][48]; /* what the registers hold if the log is true */
        bool logged[SV_TDX_RTMRS];      /* any event of that register */
        size_t events;
};

/* From the log's area, as Linux has it in /sys/firmware/acpi/tables/data/CCEL. SV_FORMAT
 * eventlog.*. */
int sv_tdx_ccel_replay(struct sv_bytes log, struct sv_tdx_ccel *out, struct sv_err *err);
/* Does the log lead to the registers of a quote? SV_PROOF "tdx.ccel.replay" names the first of
 * RTMR0 to RTMR2 that it does not lead to; RTMR3 can be extended without a word in the log, and
 * *rtmr3 only says whether it agrees. */
int sv_tdx_ccel_check(struct sv_bytes log, const uint8_t rtmr[SV_TDX_RTMRS][48], bool *rtmr3,
                      struct sv_err *err);

/* Is this such a log? A TPM's begins in register 0. */
bool sv_tdx_ccel_here(struct sv_bytes file);
/* For `secure-vm inspect`: {"kind":"cc-event-log","events":[…],"rtmrs":{…}}. */
int sv_tdx_ccel_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err);
