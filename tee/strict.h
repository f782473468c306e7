/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a policy as text, for what a TEE demands when no policy is given (sv_tee_verify.strict);
 * the members are those of policy/policy.h. Its names are short: for <tee>/verify/strict.c only. */
#pragma once

/* clang-format off */
#define R(check, claim, op, covers, reason) \
        "{\"check\":\"" check "\",\"claim\":\"" claim "\"," op "," \
        "\"covers\":\"" covers "\",\"reason\":\"" reason "\"}"
#define TRUE  "\"equals\":true"
#define FALSE "\"equals\":false"
/* clang-format on */
