/* SPDX-License-Identifier: Apache-2.0 */
/* Claims that another process gave, against what this one has found in their proof
 * (sv_tee_verify.confirm). Pure. */
#pragma once

#include "base/json/json.h"

/* Is each member of `own` in the claims, with this value, and each other member of the claims one
 * of `unproven` (ends with NULL)? SV_PROOF "tee.claims" names the first that is not. */
int sv_claims_confirm(const struct sv_json *own, const char *const *unproven,
                      const struct sv_json *claims, struct sv_err *err);
