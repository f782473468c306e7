/* SPDX-License-Identifier: Apache-2.0 */
/* The table of TEEs. Adding one is a folder and a row in attest/tees.c. */
#pragma once

#include "tee/tee.h"

extern const struct sv_tee *const sv_tees[]; /* ends with NULL; best protection first */

/* By the name people use ("vtpm") or by the name on the KBS wire ("tpm"); NULL when there is none.
 */
const struct sv_tee *sv_tee_find(const char *name);
const struct sv_tee *sv_tee_find_kbs(const char *kbs_name);
/* "sev-snp, tdx, vtpm", for messages. */
const char *sv_tee_names(void);
