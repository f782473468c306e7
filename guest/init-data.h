/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of init-data: what a host gives a confidential guest at its launch, and a verifier
 * sees as HOST_DATA or MRCONFIGID. */
#pragma once

#include "base/crypto/crypto.h"

/* Init-data is TOML (confidential-containers/trustee kbs/docs/initdata.md) whose top level may say
 * algorithm = "sha256", "sha384" or "sha512"; without it `otherwise` counts. The field gets the
 * digest's first `size` bytes, zeros behind a shorter one. SV_USAGE or SV_SYSTEM `check`. */
int sv_init_data_field(const char *text, enum sv_digest otherwise, uint8_t *field, size_t size,
                       const char *check, struct sv_err *err);
/* The same of a file. */
int sv_init_data(const char *path, enum sv_digest otherwise, uint8_t *field, size_t size,
                 const char *check, struct sv_err *err);
