/* SPDX-License-Identifier: Apache-2.0 */
/* The PCK certificate (Intel SGX PCK Certificate and CRL Profile Specification): which platform, at
 * which TCB. Pure. */
#pragma once

#include "base/crypto/x509.h"

struct sv_pck {
        uint8_t fmspc[6];
        uint8_t pceid[2];
        uint8_t components[16]; /* SGX TCB components, from the TCB extension */
        uint16_t pcesvn;
        uint8_t ppid[16];
};

/* The value of the SGX extension; false when it is not whole. *out may then be half filled. */
bool sv_pck_extension(struct sv_bytes value, struct sv_pck *out);
/* The SGX extension 1.2.840.113741.1.13.1. SV_FORMAT "tdx.pck.extension"; SV_PROOF "tdx.pck.name"
 * when the subject is not Intel's. */
int sv_pck_parse(const struct sv_cert *cert, struct sv_pck *out, struct sv_err *err);
