/* SPDX-License-Identifier: Apache-2.0 */
/* Private to sev/: the JSON object "attestation_report" and the 1184 bytes it stands for. */
#pragma once

#include "base/json/json.h"
#include "sev/verify/report.h"

int sv_snp_form_read(const struct sv_json *obj, uint8_t out[SV_REPORT_SIZE], struct sv_err *err);
/* r: the same bytes, read. */
struct sv_json *sv_snp_form_write(const uint8_t *raw, const struct sv_report *r);
