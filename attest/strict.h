/* SPDX-License-Identifier: Apache-2.0 */
/* The policy for who has none: what any evidence of a TEE must show (sv_tee_verify.strict). Pure.
 */
#pragma once

#include "attest/tees.h"
#include "policy/policy.h"

/* Appends its text. `allow` is an array of names: what is lifted of it or of the TEE's floor.
 * `measurement`, or NULL: what must have been launched, in hexadecimal. Nothing is appended for a
 * TEE that has no such policy. SV_USAGE "verify.measurement". */
int sv_policy_write_strict(const struct sv_tee_verify *tee, const struct sv_json *allow,
                           const char *measurement, struct sv_buf *out, struct sv_err *err);
/* The same, read; the caller frees *out, which stays NULL when there is none. */
int sv_policy_make_strict(const struct sv_tee_verify *tee, const struct sv_json *allow,
                          const char *measurement, struct sv_policy **out, struct sv_err *err);
