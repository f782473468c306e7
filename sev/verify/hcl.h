/* SPDX-License-Identifier: Apache-2.0 */
/* The report of an Azure confidential VM as its paravisor (HCL) wraps it: vTPM NV index 0x01400001.
 * The report's REPORT_DATA is the digest of a JSON text behind it (the vTPM's keys and the VM's
 * configuration), not of what the guest asks for. Pure. */
#pragma once

#include "base/core/bytes.h"

struct sv_hcl {
        struct sv_bytes report;       /* 1184 bytes, in place */
        struct sv_bytes runtime_data; /* JSON text, in place */
};

/* Is this such a blob at all? */
bool sv_hcl_is(struct sv_bytes raw);
/* SV_FORMAT "snp.hcl.size", ".magic", ".type" (not a report of SNP), ".hash", ".reserved" (bytes
 * behind the JSON text). */
int sv_hcl_parse(struct sv_bytes raw, struct sv_hcl *out, struct sv_err *err);
/* Is REPORT_DATA the SHA-256 of the runtime data, then zeros? SV_PROOF "snp.hcl.runtime_data". */
int sv_hcl_bound(const uint8_t report_data[64], struct sv_bytes runtime_data, struct sv_err *err);
