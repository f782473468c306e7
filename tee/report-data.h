/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the other side's choice that a report or quote is over: which exchange it is of. */
#pragma once

#include "base/core/bytes.h"

#define SV_REPORT_DATA_SIZE 64

/* Is `found` what was asked for? Shorter data are followed by zeros; want.n == 0: not asked.
 * `check` is SV_USAGE when more is asked than there is room, SV_PROOF when it is other data; `what`
 * names the field and `of` its document, for the message. */
int sv_report_data_check(const uint8_t found[SV_REPORT_DATA_SIZE], struct sv_bytes want,
                         const char *check, const char *what, const char *of, struct sv_err *err);
