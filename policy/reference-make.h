/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets (policy/reference.h) made from what a guest will measure: the rules of its policy
 * about the image become the values of a tuple, and the rest stays the policy that names the set.
 * Pure. What is made is not signed. */
#pragma once

#include "policy/reference.h"

/* Of `rules` those with "equals", and without a condition, about one of `claims` (JSON pointers,
 * NULL ends): claim and value go to `values` (object), all other rules to `left` (array).
 * SV_USAGE "reference.make.values" when there are none. */
int sv_reference_split(const struct sv_json *rules, const char *const *claims, struct sv_json *left,
                       struct sv_json *values, struct sv_err *err);

/* The tuple with exactly these values, retired or not; borrowed. NULL: there is none. */
const struct sv_json *sv_reference_find(const struct sv_json *set, const struct sv_json *values,
                                        bool retired);

struct sv_reference_tuple {
        const char *name, *tee;             /* the set's */
        const char *image;                  /* for people; the set's readers say what it may be */
        const char *not_before, *not_after; /* RFC 3339; NULL: no such bound */
        struct sv_json *values;             /* stays the caller's */
};

/* Appends the text of a set to `out`: this tuple in front of those of `before` (NULL: none), with
 * the next generation (*generation) for it and for the whole. The oldest retired tuple goes when
 * there would be more than SV_POLICY_SETS_MAX.
 *
 * SV_USAGE "reference.make.other": `before` is another set, or for another TEE.
 * SV_USAGE "reference.make.same": it has such a tuple, of *generation.
 * SV_USAGE "reference.make.retired" when that one was retired, unless `again`.
 * SV_USAGE "reference.make.full": no tuple is retired. */
int sv_reference_add(const struct sv_json *before, const struct sv_reference_tuple *tuple,
                     bool again, struct sv_buf *out, int64_t *generation, struct sv_err *err);

/* Appends the set with every tuple below `generation` retired, as the next generation of the whole;
 * *retired says how many are now that were not. SV_USAGE "reference.retire.none" when none is, or
 * no tuple would be left that is accepted. */
int sv_reference_retire(const struct sv_json *before, int64_t generation, struct sv_buf *out,
                        size_t *retired, struct sv_err *err);

/* The generation of the newest tuple that is not retired; 0: none. */
int64_t sv_reference_newest(const struct sv_json *set);
