/* SPDX-License-Identifier: Apache-2.0 */
/* The table of TEEs whose evidence can be verified (attest/tees-verify.c). */
#pragma once

#include "tee/verify.h"

extern const struct sv_tee_verify *const sv_tees_verify[]; /* ends with NULL */

/* By the project's name ("vtpm") or by the name on the KBS wire ("tpm"); NULL when there is none.
 */
const struct sv_tee_verify *sv_tee_find_verify(const char *name);
const struct sv_tee_verify *sv_tee_find_verify_kbs(const char *kbs_name);
/* "sev-snp, tdx, vtpm", for messages; returns `names`. */
const char *sv_tee_list_verify(char names[SV_TEE_NAMES_SIZE]);
