/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/json/json.h"

/* Prints a result of measure ({"measurements":…,"unpredicted":[…],"steps":[…]}) for people. Short:
 * the first bank only, no register that stays zero, digests by their beginning, of many inputs the
 * first; `all`: everything. With "steps" a tree: registers, what was measured into them, what went
 * into that. */
void sv_measure_print(const struct sv_json *result, bool all);

/* What a register of "steps" ("pcr4", "rtmr1") is predicted to be, in the first bank; NULL: it is
 * not. */
const char *sv_measure_value(const struct sv_json *result, const char *reg);
/* A step's digest in the first bank that has one; "". */
const char *sv_measure_digest(const struct sv_json *step);
/* The next step of a register from an index on; sv_json_len(steps) when there is none. */
size_t sv_measure_next(const struct sv_json *steps, const char *reg, size_t from);
