/* SPDX-License-Identifier: Apache-2.0 */
/* Which input makes two guests measure differently: two results of measure, compared step by step.
 * Pure. */
#pragma once

#include "base/json/json.h"

/* a, b: {"tee","measurements","steps"} as `measure --explain --json` prints them. Adds
 * {"register","step","input","a","b","text"} to *rows for every input that differs, in the order of
 * a's steps ("a" or "b" is null where only the other has it; "input" is null for a step as a
 * whole). 0 when both measure the same, whatever their steps say; SV_PROOF "measure.differs" naming
 * the first row otherwise. SV_USAGE "measure.diff": other TEEs, or no steps to compare. SV_FORMAT
 * "measure.diff.member": no such result. */
int sv_measure_diff(const struct sv_json *a, const struct sv_json *b, struct sv_json *rows,
                    struct sv_err *err);
/* What stands around a row's register, its value before and its value after. */
struct sv_diff_marks {
        const char *name, *before, *after, *end;
};
/* A row as one line without its end; with marks that are empty it is the row's "text". */
void sv_diff_put_row(const struct sv_json *row, const struct sv_diff_marks *m, struct sv_buf *out);
