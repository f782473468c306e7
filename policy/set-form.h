/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of rules of which one must hold whole, beside the policy's own rules: the values of the
 * kernel that runs and of the one that comes, never one register of each. Pure.
 *
 *   "sets":[{"name":"6.1.0-57", "generation":4, "not_before":"2026-12-01T00:00:00Z",
 *            "not_after":"2027-06-01T00:00:00Z", "retired":true, "rules":[…]}, …]
 *
 * `name` (a text for people, 1 to 80 bytes), `generation` (1 to 2^53 - 1, each once) and `rules`
 * are needed. What is retired, or outside of its time, releases nothing; it stays so that a guest
 * of an older state is refused by that name, and not for a register. */
#pragma once

#include "base/json/json.h"

/* Its form, but for the rules' (which are checked with the policy's). SV_FORMAT
 * "policy.sets.<what>". */
int sv_sets_check(const struct sv_json *sets, struct sv_err *err);
/* The highest generation; 0: no sets. */
int64_t sv_sets_newest(const struct sv_json *sets);

int64_t sv_set_generation(const struct sv_json *set);
bool sv_set_is_retired(const struct sv_json *set);
/* A set's "not_before" or "not_after", in seconds since 1970; without such a member *out stays.
 * SV_FORMAT "policy.sets.time". */
int sv_set_read_time(const struct sv_json *set, const char *member, int64_t *out,
                     struct sv_err *err);
